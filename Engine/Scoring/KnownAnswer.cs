using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>
/// What the reference implementation (transformers, in f32) makes of the demo model: the logits behind a text of 512
/// tokens and its greedy continuation. The self-test's last line: all ops together, from the checkpoint to the tokens.
/// </summary>
internal static class KnownAnswer
{
    /// <summary>The file beside the demo's weights.</summary>
    public const string FileName = "known_answer.safetensors";

    // Two logits closer than this may change places by rounding; what follows is another text.
    private const float CloseCall = 0.05f;
    private const float CloseCallRounded = 0.5f;

    // In f32 only the order of sums differs; a device rounds the rows of its matrix products and its cache to bf16.
    private const double AllowedF32 = 1e-4;
    private const double AllowedBF16 = 1e-2;

    // Where products round their rows, 5e-3 on a CPU and 6.9e-3 on a device, but for a row in which a router's near tie falls the other way: 9.4e-2. One row may be such.
    private const double AllowedRounded = 3e-2;
    private const double AllowedTie = 2e-1;

    /// <summary>Runs the model on some ops and compares.</summary>
    /// <param name="folder">The demo's folder.</param>
    /// <param name="ops">The ops; what is wrong with them is a finding, not an exception.</param>
    /// <exception cref="InputException">The demo's files cannot be used.</exception>
    public static KnownAnswerResult Check(string folder, KernelSet ops)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, FileName));
        int[] prompt = Ids(Get(file, "prompt_ids", DType.I64)), greedy = Ids(Get(file, "greedy_ids", DType.I64));
        bool rounds = ops.Activations == DType.BF16;
        int close = Get(file, "greedy_gap", DType.F32).AsSpan<float>().IndexOfAnyInRange(float.NegativeInfinity, rounds ? CloseCallRounded : CloseCall);
        Tensor expected = Get(file, "logits", DType.F32);
        double allowed = rounds ? AllowedRounded : ops.Stream is null ? AllowedF32 : AllowedBF16;
        try
        {
            using LoadedModel model = LoadedModel.Open(folder, ops);
            (double error, double tie) = LogitsErrors(model, prompt, expected, mayTie: rounds && ops.Stream is not null);
            greedy = close < 0 ? greedy : greedy[..close];
            int[] tokens = Continue(model, prompt, greedy.Length);
            string? fault = !(error <= allowed) ? $"‖Δ‖/‖expected‖ of the logits is {error:g3}, allowed is {allowed:g3}"
                : !(tie <= AllowedTie) ? $"‖Δ‖/‖expected‖ of a row of the logits is {tie:g3}, allowed of one is {AllowedTie:g3}"
                : Difference(greedy, tokens);
            return new KnownAnswerResult(tokens.Length, error, allowed, fault);
        }
        catch (MachineException failed)
        {
            return new KnownAnswerResult(0, double.NaN, allowed, failed.Message);
        }
    }

    // Of all rows together or, where one may have a tie, of all but the farthest, and of that one.
    private static (double Error, double Tie) LogitsErrors(LoadedModel model, int[] prompt, Tensor expected, bool mayTie)
    {
        using ScoreResult scored = new Scorer(model).Score(prompt, new ScoreOptions { Logits = true });
        Tensor all = scored.Tensors[0].Value;
        long rows = expected.Shape[0];
        double difference = 0, norm = 0;
        (double Difference, double Norm) worst = (0, 1);
        for (long row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> e = expected.Rows(row, 1).AsSpan<float>(), a = all.Rows(all.Shape[0] - rows + row, 1).AsSpan<float>();
            (double Difference, double Norm) own = (0, 0);
            for (int i = 0; i < e.Length; i++)
            {
                own = (own.Difference + (((double)a[i] - e[i]) * ((double)a[i] - e[i])), own.Norm + ((double)e[i] * e[i]));
            }

            (difference, norm) = (difference + own.Difference, norm + own.Norm);
            worst = own.Difference * worst.Norm > worst.Difference * own.Norm ? own : worst;
        }

        return mayTie && worst.Difference > 0
            ? (Math.Sqrt((difference - worst.Difference) / (norm - worst.Norm)), Math.Sqrt(worst.Difference / worst.Norm))
            : (Math.Sqrt(difference / norm), 0);
    }

    private static int[] Continue(LoadedModel model, int[] prompt, int tokens)
    {
        var request = new GenerationRequest { Prompt = prompt, MaxTokens = tokens, IgnoreEndOfSequence = true };
        using var engine = new GenerationBatch(model.Model, model.Ops, [request], new EngineOptions());
        while (engine.Step())
        {
        }

        return [.. engine.Sequences[0].Output];
    }

    private static string? Difference(int[] expected, int[] found)
    {
        int at = found.AsSpan().CommonPrefixLength(expected);
        return at == expected.Length ? null
            : at == found.Length ? $"the continuation ends after {at} tokens, expected {expected.Length}: the logits behind the next are not finite"
            : $"token {at + 1} of the continuation is {found[at]}, expected {expected[at]}";
    }

    private static int[] Ids(Tensor ids)
    {
        int[] result = new int[ids.Shape.Count];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = (int)ids.AsSpan<long>()[i];
        }

        return result;
    }

    private static Tensor Get(SafetensorsFile file, string name, DType type) => file.TryGet(name, out Tensor tensor) && tensor.Type == type
        ? tensor
        : throw new InputException($"the demo's {FileName} has no {type.Name()} tensor {name}");
}
