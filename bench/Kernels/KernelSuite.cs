using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Lean.Bench.Data;
using Lean.Bench.Results;
using Lean.Tensors;
using Perfolizer.Horology;
using Perfolizer.Mathematics.OutlierDetection;

namespace Lean.Bench.Kernels;

/// <summary>The CPU kernel suite: BenchmarkDotNet in this process, with the rates that a kernel's work implies.</summary>
internal static class KernelSuite
{
    private const string SaveOption = "--save", WaitOption = "--wait";

    private static readonly Type[] Benchmarks =
    [
        typeof(AddRmsNormBenchmark), typeof(LinearBenchmark), typeof(SharedExpertBenchmark), typeof(ExpertsBenchmark),
        typeof(DeltaRuleBenchmark), typeof(AttentionBenchmark),
    ];

    /// <summary>Runs what the arguments select, by default everything.</summary>
    /// <param name="arguments">
    /// BenchmarkDotNet's options; --save NOTE writes bench/results/cpu; --wait MINUTES waits that long in all for others to be quiet.
    /// </param>
    /// <returns>0, or 1 where a check was red or a benchmark failed.</returns>
    public static int Run(string[] arguments)
    {
        var options = arguments.ToList();
        string? note = Take(options, SaveOption), wait = Take(options, WaitOption);
        bool everything = !options.Any(static o => o is "--filter" or "-f" or "--list" or "--help" || o.EndsWith("Categories", StringComparison.OrdinalIgnoreCase));
        double minutes = 0;
        if (note?.Length == 0 || (note is not null && !everything) || (wait is not null && !double.TryParse(wait, out minutes)))
        {
            Console.Error.WriteLine($"{SaveOption} takes a note (what else ran on the machine) and saves a full suite only; {WaitOption} takes minutes");
            return 2;
        }

        var patience = TimeSpan.FromMinutes(minutes);
        OtherLoad.AllowWaiting(patience);

        long free = new CpuDevice().FreeMemory;
        if (free < RandomData.BytesNeeded)
        {
            Console.Error.WriteLine($"the suite needs {RandomData.BytesNeeded / 1e9:F1} GB of free memory, this machine has {free / 1e9:F1} GB");
            return 2;
        }

        if (!options.Any(static o => o is "--filter" or "-f" or "--list" or "--help"))
        {
            options.AddRange(["--filter", "*"]);
        }

        Summary[] summaries = [.. BenchmarkSwitcher.FromTypes(Benchmarks).Run([.. options], Config(patience))];
        KernelResult[] results = [.. summaries.SelectMany(KernelResult.Of)];
        bool green = summaries.All(static s => !s.HasCriticalValidationErrors && s.Reports.All(static r => r.Success && r.ResultStatistics is not null));
        if (results.Length > 0)
        {
            var run = SuiteRun.Now(results, $"dotnet run -c Release --project bench -- kernels {string.Join(' ', arguments.Select(Quoted))}", note);
            Console.WriteLine(ResultTable.Write(run));
            if (note is not null)
            {
                Console.WriteLine($"written: {ResultFiles.Save(run)}");
            }
        }

        return green ? 0 : 1;
    }

    /// <summary>Takes an option and its value out of the list: null without the option, empty without a value.</summary>
    private static string? Take(List<string> options, string option)
    {
        int at = options.IndexOf(option);
        if (at < 0)
        {
            return null;
        }

        string value = at + 1 < options.Count ? options[at + 1] : "";
        options.RemoveRange(at, int.Min(2, options.Count - at));
        return value;
    }

    private static string Quoted(string argument) =>
        argument.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? argument : $"\"{argument}\"";

    // A few short iterations in this process: the kernels are compiled fully on their first call (Directory.Build.props),
    // and the data, made once, serves all benchmarks. Outliers stay in; medians are quoted. A benchmark may use up all of
    // the run's patience before it starts; BenchmarkDotNet counts that as its own time.
    private static ManualConfig Config(TimeSpan patience) => ManualConfig.CreateEmpty()
        .AddJob(Job.Default
            .WithToolchain(new InProcessEmitToolchain(patience + TimeSpan.FromMinutes(5), logOutput: true))
            .WithUnrollFactor(1)
            .WithEvaluateOverhead(false)
            .WithWarmupCount(1)
            .WithIterationCount(9)
            .WithIterationTime(TimeInterval.FromMilliseconds(80))
            .WithOutlierMode(OutlierMode.DontRemove))
        .AddColumnProvider(DefaultColumnProviders.Params)
        .AddColumn(StatisticColumn.Median, StatisticColumn.Min, StatisticColumn.Max)
        .AddColumn(RateColumn.All)
        .AddLogger(ConsoleLogger.Default)
        .WithOptions(ConfigOptions.JoinSummary);
}
