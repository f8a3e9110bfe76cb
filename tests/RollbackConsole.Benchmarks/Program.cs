// Figures, side by side in one run on one PostgreSQL:
//   dotnet run -c Release --project tests/RollbackConsole.Benchmarks [ROUNDS]
// Milliseconds per step of a 50-step plan of /bin/true: through the console's engine, a bare .NET loop (two commits and one spawn
// a step), and a bash script that appends a line with tee for each step. Then: approval to first step. Medians and ratios count.
//   dotnet run -c Release --project tests/RollbackConsole.Benchmarks alerts [ROUNDS]
// An alert's way to an open board in Chromium, one at a time, and a burst of 10,000; build the console in Release first.
using RollbackConsole.Benchmarks;

var alerts = args is ["alerts", ..];
var rounds = args.Length > (alerts ? 1 : 0) ? int.Parse(args[^1]) : alerts ? 100 : 15;
var folder = Directory.CreateTempSubdirectory("rollback-console-bench-").FullName;
File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
try
{
    if (alerts)
    {
        await new AlertBench(folder).Run(rounds);
    }
    else
    {
        await using var bench = await StepBench.Start(folder);
        await bench.Run(rounds);
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}
