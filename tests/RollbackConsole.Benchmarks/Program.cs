// Figures, side by side in one run on one PostgreSQL:
//   dotnet run -c Release --project tests/RollbackConsole.Benchmarks [ROUNDS]
// Milliseconds per step of a 50-step plan of /bin/true: through the console's engine, a bare .NET loop (two commits and one spawn
// a step), and a bash script that appends a line with tee for each step. Then: approval to first step. Medians and ratios count.
//   dotnet run -c Release --project tests/RollbackConsole.Benchmarks alerts [ROUNDS]
// An alert's way to an open board in Chromium, one at a time, and a burst of 10,000; build the console in Release first.
//   dotnet run -c Release --project tests/RollbackConsole.Benchmarks failover [ROUNDS]
// Two consoles on one PostgreSQL: from the death of the one that holds a run to the next start on the other, with the default lease and a short one.
// Simulated histories a second are printed by the simulation test itself.
using RollbackConsole.Benchmarks;

var what = args.Length > 0 && !char.IsAsciiDigit(args[0][0]) ? args[0] : "steps";
var rounds = args.Length > (what == "steps" ? 0 : 1) ? int.Parse(args[^1]) : what switch { "alerts" => 100, "failover" => 20, _ => 15 };
var folder = Directory.CreateTempSubdirectory("rollback-console-bench-").FullName;
File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
try
{
    if (what == "alerts")
    {
        await new AlertBench(folder).Run(rounds);
    }
    else if (what == "failover")
    {
        await new FailoverBench(folder).Run(rounds);
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
