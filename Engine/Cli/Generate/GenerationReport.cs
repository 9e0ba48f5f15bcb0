using System.Text.Json;
using Lean.Engine.Running;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>What became of each prompt, as the one-line JSON objects that other tools read.</summary>
internal sealed class GenerationReport(LoadedModel model, GenerationRun run, Tokenizer? tokenizer)
{
    private const int Microseconds = 6;

    /// <summary>Prints a sequence's object.</summary>
    public void Print(int index) => JsonLine.Print(json => Write(json, index));

    /// <summary>Ends in an error if a sequence did: everything else has been printed by then.</summary>
    /// <exception cref="LeanException">Names the first prompt that did, and its fault.</exception>
    public void ThrowFaults()
    {
        for (int i = 0; i < run.Sequences.Count; i++)
        {
            if (run.Sequences[i].Fault is { } fault)
            {
                throw FaultReport.Error(model, $"prompt {i + 1} of {run.Sequences.Count}", fault);
            }
        }
    }

    /// <summary>The chosen tokens without the one that ended the text.</summary>
    public static ReadOnlySpan<int> TextTokens(Sequence sequence) =>
        sequence.Finish == FinishReason.Stop ? sequence.Output[..^1] : sequence.Output;

    private void Write(Utf8JsonWriter json, int index)
    {
        Sequence sequence = run.Sequences[index];
        json.WriteStartObject();
        json.Numbers("prompt_ids", sequence.Tokens[..sequence.PromptLength]);
        json.Numbers("output_ids", sequence.Output);
        json.WriteString("text", tokenizer?.Decode(TextTokens(sequence), skipSpecial: true));
        json.WriteString("finish_reason", sequence.Finish switch
        {
            FinishReason.Stop => "stop",
            FinishReason.Length => "length",
            _ => "error",
        });
        if (sequence.Fault is { } fault)
        {
            json.WriteString("error", FaultReport.Describe(model, fault));
        }

        json.WriteStartArray("logprobs");
        foreach (float value in sequence.LogProbabilities)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
        WriteTimings(json, index, sequence);
        json.WriteStartObject("speculation");
        json.WriteNumber("drafted", 0);
        json.WriteNumber("accepted", 0);
        json.WriteNumber("target_passes", sequence.Generated);
        json.WriteEndObject();
        json.WriteString("device", model.Ops.Description);
        json.WriteNumber("host_ops", 0);
        json.WriteNumber("ranks", 1);
        json.WriteStartObject("collectives");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteTimings(Utf8JsonWriter json, int index, Sequence sequence)
    {
        double decode = run.Decode(index).TotalSeconds;
        json.WriteStartObject("timings");
        json.Figure("load_s", model.LoadTime.TotalSeconds, Microseconds);
        json.Figure("prefill_s", run.Prefill(index).TotalSeconds, Microseconds);
        json.Figure("decode_s", decode, Microseconds);

        // The first token belongs to the prompt.
        json.Figure("tokens_per_s", decode > 0 ? (sequence.Generated - 1) / decode : 0, decimals: 2);
        json.WriteEndObject();
    }
}
