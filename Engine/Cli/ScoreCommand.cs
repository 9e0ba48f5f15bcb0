using System.CommandLine;
using System.Diagnostics;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean score</c>: how likely a model finds a text.</summary>
internal sealed class ScoreCommand
{
    private const int MostDepths = 64;

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string?> _ids = Options.Text("--ids", "FILE", "Token ids: a .safetensors file with an integer prompt_ids, or a JSON list");
    private readonly Option<string?> _text = Options.Text("--text", "FILE", "A text file");
    private readonly Option<string?> _logits = Options.Text("--logits", "OUT.safetensors", "Write the logits [T, V] of every position, in f32");
    private readonly Option<bool> _hidden = Options.Flag("--hidden", "Write the hidden states [L + 1, T, H] too (with --logits)");
    private readonly Option<int> _mtp = Options.Number("--mtp", 0, MostDepths, 0, "Write the MTP head's logits for drafts of up to N tokens too (with --logits)");
    private readonly Option<string?> _device = Options.Device();
    private readonly Option<string?> _activations = Options.Activations();
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line");
    private readonly LayoutOptions _layout = new();

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "score",
            "Runs a text through a model and prints the mean negative log-likelihood of its tokens, in nats",
            "lean score --model DIR --text book.txt",
            "lean score --model DIR --ids ids.json --logits out.safetensors --hidden --mtp 3 --json",
            "lean score --model DIR --text book.txt --tp 2 --dp 2 --ep",
            "mpirun -n 4 lean score --model DIR --text book.txt --tp 4")
        {
            _model, _ids, _text, _logits, _hidden, _mtp, _device, _activations, _json,
        };
        _layout.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string? output = parsed.GetValue(_logits);
        bool hidden = parsed.GetValue(_hidden);
        int mtp = parsed.GetValue(_mtp);
        if (output is null && (hidden || mtp > 0))
        {
            throw new InputException($"{(hidden ? "--hidden" : "--mtp")} needs --logits OUT.safetensors, the file to write to");
        }

        string folder = ModelFolder.Find(parsed.GetValue(_model));
        RankOptions ranks = _layout.Read(parsed, parsed.GetValue(_device)) with { Activations = Options.ReadActivations(parsed, _activations) };
        var options = new ScoreOptions { Logits = output is not null, Hidden = hidden, MtpDepth = mtp };
        if (ranks.IsMember)
        {
            ParallelScorer.Follow(folder, ranks, options);
            return 0;
        }

        int[] ids = Ids(folder, parsed.GetValue(_ids), parsed.GetValue(_text));
        if (ranks.Layout.Ranks > 1)
        {
            OnRanks(folder, parsed, ranks, ids, options);
            return 0;
        }

        using LoadedModel model = ModelFolder.Open(folder, parsed.GetValue(_device), ranks.Activations);
        long start = Stopwatch.GetTimestamp();
        using ScoreResult result = new Scorer(model).Score(ids, options);
        Finish(parsed, new ScoreReport
        {
            Result = result,
            Tokens = ids.Length,
            Output = output,
            Loading = model.LoadTime,
            Kernels = model.Ops.Stream?.Device.KernelLoadTime ?? TimeSpan.Zero,
            Scoring = Stopwatch.GetElapsedTime(start),
            Device = model.Ops.Description,
        });
        return 0;
    }

    private void OnRanks(string folder, ParseResult parsed, RankOptions ranks, int[] ids, ScoreOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        using ParallelScore score = ParallelScorer.Score(folder, ranks, ids, options);
        TimeSpan loading = score.Ranks[0].LoadTime;
        Finish(parsed, new ScoreReport
        {
            Result = score[0],
            Tokens = ids.Length,
            Output = parsed.GetValue(_logits),
            Loading = loading,
            Scoring = Stopwatch.GetElapsedTime(start) - loading,
            Device = score.Ranks[0].Device,
            Ranks = score,
        });
    }

    private void Finish(ParseResult parsed, ScoreReport report)
    {
        if (report.Output is { } output)
        {
            SafetensorsWriter.Write(output, report.Result.Tensors);
        }

        if (parsed.GetValue(_json))
        {
            report.PrintJson();
        }
        else
        {
            report.PrintText();
        }
    }

    private static int[] Ids(string folder, string? ids, string? text)
    {
        if (ids is null == text is null)
        {
            throw new InputException("score needs a text: expected either --ids FILE or --text FILE");
        }

        return ids is not null ? TokenIds.Read(ids) : Tokenizer.Load(folder).Encode(InputFile.Text(text!), SpecialTokens.Parse);
    }
}
