using System.CommandLine;
using System.Diagnostics;
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
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line");
    private readonly Later _later = new Later().Layout();

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "score",
            "Runs a text through a model and prints the mean negative log-likelihood of its tokens, in nats",
            "lean score --model DIR --text book.txt",
            "lean score --model DIR --ids ids.json --logits out.safetensors --hidden --mtp 3 --json")
        {
            _model, _ids, _text, _logits, _hidden, _mtp, _device, _json,
        };
        _later.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        _later.Check(parsed);
        string? output = parsed.GetValue(_logits);
        bool hidden = parsed.GetValue(_hidden);
        int mtp = parsed.GetValue(_mtp);
        if (output is null && (hidden || mtp > 0))
        {
            throw new InputException($"{(hidden ? "--hidden" : "--mtp")} needs --logits OUT.safetensors, the file to write to");
        }

        string folder = ModelFolder.Find(parsed.GetValue(_model));
        int[] ids = Ids(folder, parsed.GetValue(_ids), parsed.GetValue(_text));
        using LoadedModel model = ModelFolder.Open(folder, parsed.GetValue(_device));
        long start = Stopwatch.GetTimestamp();
        using ScoreResult result = new Scorer(model).Score(
            ids, new ScoreOptions { Logits = output is not null, Hidden = hidden, MtpDepth = mtp });
        TimeSpan scoring = Stopwatch.GetElapsedTime(start);
        if (output is not null)
        {
            SafetensorsWriter.Write(output, result.Tensors);
        }

        Print(parsed.GetValue(_json), model, ids.Length, result, output, scoring);
        return 0;
    }

    private static int[] Ids(string folder, string? ids, string? text)
    {
        if (ids is null == text is null)
        {
            throw new InputException("score needs a text: expected either --ids FILE or --text FILE");
        }

        return ids is not null ? TokenIds.Read(ids) : Tokenizer.Load(folder).Encode(InputFile.Text(text!), SpecialTokens.Parse);
    }

    private static void Print(bool asJson, LoadedModel model, int tokens, ScoreResult result, string? output, TimeSpan scoring)
    {
        if (!asJson)
        {
            Console.WriteLine($"mean_nll {result.Mean:F6}\ntokens {tokens}");
            return;
        }

        JsonLine.Print(json =>
        {
            json.WriteStartObject();
            json.Figure("mean_nll", result.Mean, decimals: 9);
            json.WriteNumber("tokens", tokens);
            json.WriteString("logits", output);
            json.WriteStartObject("timings");
            json.Figure("load_s", model.LoadTime.TotalSeconds, decimals: 6);
            json.Figure("kernels_s", model.Ops.Stream?.Device.KernelLoadTime.TotalSeconds ?? 0, decimals: 6);
            json.Figure("score_s", scoring.TotalSeconds, decimals: 6);
            json.WriteEndObject();
            json.WriteString("device", model.Ops.Description);
            json.WriteEndObject();
        });
    }
}
