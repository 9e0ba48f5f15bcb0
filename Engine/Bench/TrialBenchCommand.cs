using System.CommandLine;
using System.Globalization;
using Lean.Comm;
using Lean.Engine.Cli;
using Lean.Engine.Ranks;
using Lean.Engine.Running;

namespace Lean.Engine.Bench;

/// <summary><c>lean bench trials</c>: kernels that have yet to be measured, beside those that run.</summary>
internal sealed class TrialBenchCommand
{
    private const int Most = 1 << 20;
    private static readonly int[] s_batches = [1, 16, 64];

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string?> _synthetic = Options.Text("--synthetic", "NAME", "Random weights in a published model's shapes");
    private readonly Option<int> _layers = Options.Number("--layers", 0, Most, 0, "Of a synthetic model, keep only the first N layers; 0 keeps all");
    private readonly Option<int> _seed = Options.Number("--seed", 0, int.MaxValue, 1, "For random weights and prompts");
    private readonly Option<string?> _device = Options.Device();
    private readonly Option<int[]?> _batch = Options.Numbers("--batch", 1, 4096, s_batches, "Sequences that run together");
    private readonly Option<int> _steps = Options.Number("--tokens", 1, Most, 32, "Tokens of each sequence");
    private readonly Option<int> _context = Options.Number("--context", 1, Most, 16, "Tokens of each prompt");
    private readonly Option<int> _rounds = Options.Number("--rounds", 1, 100, 2, "How often each choice has its turn");
    private readonly Option<string?> _choices = Options.Text("--choices", "A|B|…", "Which kernels on trial run, each choice a list of names; 'none' for none");
    private readonly Option<string?> _plan = Options.Text("--plan", "B,…:A|…;…", "Batch sizes with choices of their own, such as '1,4:none|routed;64:none|tiles'; instead of --batch and --choices");
    private readonly Option<bool> _profile = new("--profile") { Description = "Time each kernel of a step instead, one choice after the other" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("trials", "Kernels that have yet to be measured, beside those that run")
        {
            _model, _synthetic, _layers, _seed, _device, _batch, _steps, _context, _rounds, _choices, _plan, _profile,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        int layers = parsed.GetValue(_layers), steps = parsed.GetValue(_steps), context = parsed.GetValue(_context), seed = parsed.GetValue(_seed);
        bool profiles = parsed.GetValue(_profile);
        string[] choices = parsed.GetValue(_choices) is { } given ? Choices(given) : TrialBench.Choices;
        int[] batches = parsed.GetValue(_batch) is { Length: > 0 } numbers ? numbers : s_batches;
        (int Batch, string[] Choices)[] plan = parsed.GetValue(_plan) is { } own
            ? [.. own.Split(';').Select(static part => part.Split(':')).SelectMany(static part => part[0].Split(',').Select(batch => (int.Parse(batch, CultureInfo.InvariantCulture), Choices(part[1]))))]
            : [.. batches.Select(batch => (batch, choices))];
        ComputeDevice.Profiles = profiles;
        using BenchModel model = BenchModel.Open(
            parsed.GetValue(_model), parsed.GetValue(_synthetic), layers == 0 ? null : layers, seed, parsed.GetValue(_device),
            new RankOptions { Layout = new ParallelLayout(1, 1, expert: false) });
        if (profiles)
        {
            foreach ((int batch, string[] list) in plan)
            {
                foreach (string choice in list)
                {
                    TrialBench.Profile(model, model.Loaded.Ops.Stream!, choice, batch, context, steps, seed);
                }
            }

            return 0;
        }

        Console.WriteLine($"{"batch",6}  {"trials",-28}{"tokens/s",10}{"step ms",10}{"least",10}{"µs more",10}  tokens and log-probabilities");
        bool same = true;
        foreach ((int batch, string[] list) in plan)
        {
            same &= TrialBench.Measure(model, list, batch, context, steps, parsed.GetValue(_rounds), seed);
        }

        return same ? 0 : 1;
    }

    private static string[] Choices(string given) => [.. given.Split('|').Select(static c => c == "none" ? "" : c)];
}
