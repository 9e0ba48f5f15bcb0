using System.Text.Json;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>What became of each prompt, as the one-line JSON objects that other tools read.</summary>
internal sealed class GenerationReport(IEngineSource source, GenerationRun run, Tokenizer? tokenizer)
{
    private const int Microseconds = 6;

    private readonly LoadedModel _model = source.Loaded;

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
                throw FaultReport.Error(_model, $"prompt {i + 1} of {run.Sequences.Count}", fault);
            }
        }
    }

    private void Write(Utf8JsonWriter json, int index)
    {
        Sequence sequence = run.Sequences[index];
        json.WriteStartObject();
        json.Numbers("prompt_ids", sequence.Tokens[..sequence.PromptLength]);
        json.Numbers("output_ids", sequence.Output);
        if (run.Text(index) is { } text)
        {
            json.WriteString("text", text.Certain);
        }
        else
        {
            json.WriteNull("text");
        }

        json.WriteString("finish_reason", sequence.Finish switch
        {
            FinishReason.Stop or FinishReason.StopString => "stop",
            FinishReason.Length => "length",
            _ => "error",
        });
        if (sequence.Fault is { } fault)
        {
            json.WriteString("error", FaultReport.Describe(_model, fault));
        }

        json.WriteStartArray("logprobs");
        foreach (float value in sequence.LogProbabilities)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
        WriteAlternatives(json, sequence);
        WriteSeed(json, sequence.Request.Sampling);
        WriteTimings(json, index, sequence);
        WriteDrafts(json, sequence);
        json.WriteString("device", _model.Ops.Description);
        json.WriteNumber("host_ops", 0);
        json.WriteNumber("launches", _model.Ops.Stream?.Launches ?? 0);
        json.WriteStepTokens(run.Engine.StepTokens);
        LayoutReport.Write(json, source.Ranks);
        json.WriteEndObject();
    }

    private static void WriteDrafts(Utf8JsonWriter json, Sequence sequence)
    {
        DraftStatistics drafts = sequence.Drafts;
        json.WriteStartObject("speculation");
        json.WriteNumber("drafted", drafts.AllDrafted);
        json.WriteNumber("accepted", drafts.AllAccepted);
        json.WriteNumber("target_passes", drafts.TargetPasses);
        json.Figure("tokens_per_pass", drafts.TargetPasses == 0 ? 0 : (double)sequence.Generated / drafts.TargetPasses, decimals: 3);
        json.WriteDepths(drafts);
        json.WriteEndObject();
    }

    private static void WriteSeed(Utf8JsonWriter json, SamplingParameters sampling)
    {
        if (sampling.IsGreedy)
        {
            json.WriteNull("seed");
        }
        else
        {
            json.WriteNumber("seed", sampling.Seed);
        }
    }

    private void WriteAlternatives(Utf8JsonWriter json, Sequence sequence)
    {
        if (sequence.Request.Sampling.Alternatives is null)
        {
            return;
        }

        json.WriteStartArray("top_logprobs");
        for (int output = 0; output < sequence.Generated; output++)
        {
            json.WriteStartArray();
            for (int i = 0; i < sequence.Listed(output).Length; i++)
            {
                int token = sequence.Listed(output)[i];
                json.WriteStartObject();
                json.WriteNumber("id", token);
                if (tokenizer is not null)
                {
                    json.WriteString("token", tokenizer.Decode([token], skipSpecial: false));
                }

                json.WriteNumber("logprob", sequence.ListedValues(output)[i]);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private void WriteTimings(Utf8JsonWriter json, int index, Sequence sequence)
    {
        double decode = run.Decode(index).TotalSeconds;
        json.WriteStartObject("timings");
        json.Figure("load_s", _model.LoadTime.TotalSeconds, Microseconds);

        // Within prefill_s and decode_s: each kernel goes to the driver when it is first used.
        json.Figure("kernels_s", _model.Ops.Stream?.Device.KernelLoadTime.TotalSeconds ?? 0, Microseconds);
        json.Figure("prefill_s", run.Prefill(index).TotalSeconds, Microseconds);
        json.Figure("decode_s", decode, Microseconds);

        // The first token belongs to the prompt.
        json.Figure("tokens_per_s", decode > 0 ? (sequence.Generated - 1) / decode : 0, decimals: 2);
        json.WriteEndObject();
    }
}
