using System.CommandLine;
using Lean.Comm;
using Lean.Engine.Bench.Exchange;
using Lean.Engine.Bench.Load;
using Lean.Engine.Bench.Ops;
using Lean.Engine.Bench.Serve;
using Lean.Engine.Cli;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary><c>lean bench</c>: how fast a model runs on this machine.</summary>
internal sealed class BenchCommand
{
    private const int Most = 1 << 20;
    private const int MostSequences = 4096;

    private static readonly int[] Batches = [1, 16, 64];
    private static readonly int[] PromptLengths = [128, 512];

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string?> _synthetic = Options.Text(
        "--synthetic", "NAME", $"Random weights in a published model's shapes: {string.Join(", ", SyntheticModels.Names)}");

    private readonly Option<int> _layers = Options.Number("--layers", 0, Most, 0, "Of a synthetic model, keep only the first N layers; 0 keeps all");
    private readonly Option<int> _seed = Options.Number("--seed", 0, int.MaxValue, 1, "For random weights and prompts");
    private readonly Option<string?> _device = Options.Device();
    private readonly Option<string?> _activations = Options.Activations();
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line");
    private readonly Option<int[]?> _batch = Options.Numbers("--batch", 1, MostSequences, Batches, "Sequences that run together");
    private readonly Option<int> _steps = Options.Number("--tokens", 1, Most, 32, "Tokens of each sequence, whose median time counts; where depths adapt or a text is continued, their mean does");
    private readonly Option<int> _context = Options.Number("--context", 1, Most, 16, "Tokens of each sequence's prompt");
    private readonly Option<Speculation[]?> _drafts = Options.Speculations();
    private readonly Option<string?> _text = Options.Text("--text", "FILE", "Prompts are pieces of this text, of which all settings continue at least 12: drafts are then as right as they are (default: random tokens)");
    private readonly Option<double?> _acceptance = Options.Real(
        new ParameterRange("acceptance", 0, 1, "a number from 0 to 1"), "P", "Count each draft as right so often, whatever the model chose: for random weights, whose tokens then mean nothing");

    private readonly Option<bool> _profile = new("--profile") { Description = "Say how long each kernel of a step, or of a prompt's steps, runs, by the device's clock; kernels then run one after the other, so the step takes longer" };

    private readonly Option<int?> _stepTokens = Options.MaxStepTokens();
    private readonly Option<int[]?> _lengths = Options.Numbers("--tokens", 1, Most, PromptLengths, "Tokens of the prompt");
    private readonly Option<int> _sequences = Options.Number("--sequences", 8, MostSequences, 256, "Sequences that run together");
    private readonly Option<int> _minutes = Options.Number("--minutes", 0, Most, 1, "How long to go on; 0 runs each kind of load once");
    private readonly Option<int> _distinct = Options.Number("--requests", 1, Most, 200, "Different requests to draw from");
    private readonly Option<int> _longest = Options.Number("--longest", 1, Most, 3000, "The most tokens of a prompt");
    private readonly LayoutOptions _layout = new(processes: false);
    private readonly Later _later = new Later().Layout();

    /// <summary>The command.</summary>
    public Command Build()
    {
        var decode = new ExampleCommand(
            "decode",
            "Tokens a second when every sequence of a batch gets one token a step, and how near that comes to reading memory at full speed",
            "lean bench decode --batch 1,16",
            "lean bench decode --batch 1 --text play.txt --speculate 0,3,auto",
            "lean bench decode --synthetic qwen3.5-35b-a3b --layers 4 --json",
            "lean bench decode --synthetic qwen3-next-80b-a3b --device cuda --tp 2",
            "lean bench decode --synthetic qwen3.5-35b-a3b --device cuda --batch 1 --profile")
        {
            _batch, _steps, _context, _text, _drafts, _acceptance, _stepTokens, _profile,
        };
        decode.SetAction(Decode);
        var prefill = new ExampleCommand(
            "prefill",
            "Tokens a second of a prompt, up to the first token after it",
            "lean bench prefill --model DIR --tokens 128,2048",
            "lean bench prefill --synthetic qwen3.5-35b-a3b --device cuda --tokens 2048 --profile")
        {
            _lengths, _stepTokens, _profile,
        };
        prefill.SetAction(Prefill);
        var scheduler = new ExampleCommand(
            "scheduler",
            "What a step costs beside the model, and what a prompt costs whose beginning is in the caches",
            "lean bench scheduler --sequences 256 --json")
        {
            _sequences,
        };
        scheduler.SetAction(Scheduler);
        var load = new ExampleCommand(
            "load",
            "Random requests under changing limits, with cancels, full queues and caches that are too small: each must give what it gives alone, bit for bit, and memory must stay flat",
            "lean bench load --minutes 60")
        {
            _minutes, _distinct, _longest,
        };
        load.SetAction(Load);
        foreach (Command command in (Command[])[decode, prefill, scheduler, load])
        {
            foreach (Option option in (Option[])[_model, _synthetic, _layers, _seed, _device, _json])
            {
                command.Add(option);
            }

            if (command != scheduler)
            {
                command.Add(_activations);
            }

            if (command == decode || command == prefill)
            {
                _layout.AddTo(command);
            }
            else
            {
                _later.AddTo(command);
            }
        }

        return new Command("bench", "Measures how fast a model runs on this machine")
        {
            decode, prefill, scheduler, load, new ServeBenchCommand().Build(), new KernelBenchCommand().Build(), new ExchangeBenchCommand().Build(),
        };
    }

    private int Decode(ParseResult parsed)
    {
        Speculation[] drafts = parsed.GetValue(_drafts) is { Length: > 0 } given ? given : [Speculation.Off];
        using BenchModel model = OpenOnRanks(parsed, drafts.Any(static d => d.Most > 0), parsed.GetValue(_profile));
        int[]? text = parsed.GetValue(_text) is { } file ? Tokenizer.Load(model.Name).Encode(InputFile.Text(file), SpecialTokens.Parse) : null;
        bool averages = text is not null || drafts.Any(static d => d.Adapts);
        using IMemoryRate read = model.Loaded.Ops.Stream is { } stream ? new DeviceCopyRate(stream) : new ReadRate(model.Loaded.Threads);
        read.Measure();
        bool shares = model.Loaded.Ops.Stream is null && model.Loaded.Threads > 1;
        List<DecodeFigure> figures = [];
        foreach (int batch in Given(parsed.GetValue(_batch), Batches))
        {
            foreach (Speculation depth in drafts)
            {
                double before = shares ? LineRoundTrip.Measure() : 0;
                DecodeFigure figure = DecodeBench.Measure(model, new DecodeRun(
                    batch, parsed.GetValue(_context), parsed.GetValue(_steps), parsed.GetValue(_seed), depth, parsed.GetValue(_acceptance), averages, parsed.GetValue(_stepTokens), text));
                figures.Add(figure with { LineSeconds = shares ? double.Max(before, LineRoundTrip.Measure()) : 0 });
            }
        }

        read.Measure();
        DecodeReport.Print(model, read, figures, parsed.GetValue(_json));
        return 0;
    }

    private int Prefill(ParseResult parsed)
    {
        using BenchModel model = OpenOnRanks(parsed, drafts: false, parsed.GetValue(_profile));
        int seed = parsed.GetValue(_seed);
        List<PrefillFigure> figures = [.. Given(parsed.GetValue(_lengths), PromptLengths).Select(t => PrefillBench.Measure(model, t, seed, parsed.GetValue(_stepTokens)))];
        BenchReport.Prefill(model, seed, figures, parsed.GetValue(_json));
        return 0;
    }

    private int Scheduler(ParseResult parsed)
    {
        using BenchModel model = Open(parsed);
        SchedulerBench.Run(model, parsed.GetValue(_sequences), parsed.GetValue(_seed), parsed.GetValue(_json));
        return 0;
    }

    private int Load(ParseResult parsed)
    {
        using BenchModel model = Open(parsed);
        LoadBench.Run(
            model, TimeSpan.FromMinutes(parsed.GetValue(_minutes)), parsed.GetValue(_distinct), parsed.GetValue(_longest), parsed.GetValue(_seed), parsed.GetValue(_json));
        return 0;
    }

    // The parser's value of a list that was not given is an empty one.
    private static int[] Given(int[]? numbers, int[] fallback) => numbers is { Length: > 0 } ? numbers : fallback;

    private BenchModel OpenOnRanks(ParseResult parsed, bool drafts, bool profiles)
    {
        RankOptions ranks = _layout.Read(parsed, parsed.GetValue(_device)) with { Activations = Options.ReadActivations(parsed, _activations), Profiles = profiles };
        return profiles && ranks.Layout.Ranks > 1
            ? throw new InputException($"{_profile.Name} times the kernels of one device, and there are {ranks.Layout.Ranks} ranks: expected one of them")
            : Open(parsed, ranks, drafts);
    }

    private BenchModel Open(ParseResult parsed)
    {
        _later.Check(parsed);
        return Open(parsed, new RankOptions { Layout = new ParallelLayout(1, 1, expert: false), Activations = Options.ReadActivations(parsed, _activations) }, drafts: false);
    }

    private BenchModel Open(ParseResult parsed, RankOptions ranks, bool drafts)
    {
        int layers = parsed.GetValue(_layers);
        return BenchModel.Open(
            parsed.GetValue(_model), parsed.GetValue(_synthetic), layers == 0 ? null : layers, parsed.GetValue(_seed), parsed.GetValue(_device), ranks, drafts);
    }
}
