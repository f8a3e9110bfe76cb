using System.Globalization;

namespace RollbackConsole.Benchmarks;

/// <summary>One line for each figure.</summary>
internal static class Figures
{
    public static void Report(string what, List<double> values)
    {
        values.Sort();
        double At(double share) => values[Math.Min(values.Count - 1, (int)(values.Count * share))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-46} median {At(0.5),8:0.00}   p10 {At(0.1),8:0.00}   p90 {At(0.9),8:0.00}   p99 {At(0.99),8:0.00}   (n = {values.Count})"));
    }
}
