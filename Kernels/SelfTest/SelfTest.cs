using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The check that users with a new card or driver run: every op of a set against the reference, on odd shapes, with
/// memory that nobody wrote full of NaN and redzones round every tensor, and every call twice, to the bit.
/// </summary>
public static class SelfTest
{
    // What a product's sums may be off, as linear's calls are held to.
    private const double Sums = 1e-5;

    /// <summary>The ops that are checked, in order.</summary>
    public static IReadOnlyList<string> Ops { get; } = [.. SelfCases.All().Select(c => c.Op).Distinct()];

    /// <summary>Whether a set has any of the chosen ops.</summary>
    /// <param name="kernels">The set.</param>
    /// <param name="chosen">Whether an op is; all are where this is null.</param>
    public static bool Checks(KernelSet kernels, Func<string, bool>? chosen = null) => Cases(kernels, chosen).Any();

    /// <summary>Runs it, an op at a time; not those that the set may do without and does.</summary>
    /// <param name="kernels">What is checked.</param>
    /// <param name="chosen">Whether an op is; all are where this is null.</param>
    /// <param name="shard">Which of so many shards to run: every n-th of the chosen ops' calls.</param>
    /// <param name="shards">How many shards there are.</param>
    public static IEnumerable<SelfTestResult> Run(KernelSet kernels, Func<string, bool>? chosen = null, int shard = 1, int shards = 1)
    {
        KernelSet reference = ReferenceKernels.Create(kernels.CacheType, kernels.Activations);
        KernelSet[] turned = kernels.Activations == DType.F32 ? [] :
        [
            ReferenceKernels.Create(kernels.CacheType, kernels.Activations, -Sums),
            ReferenceKernels.Create(kernels.CacheType, kernels.Activations, Sums),
        ];
        return Cases(kernels, chosen).Where((_, i) => i % shards == shard - 1)
            .GroupBy(c => c.Op).Select(op => Run([.. op], reference, turned, kernels));
    }

    private static IEnumerable<SelfCase> Cases(KernelSet kernels, Func<string, bool>? chosen) =>
        SelfCases.All().Where(c => (chosen?.Invoke(c.Op) ?? true) && (c.Has?.Invoke(kernels) ?? true));

    private static SelfTestResult Run(SelfCase[] cases, KernelSet reference, KernelSet[] turned, KernelSet kernels)
    {
        double largest = 0, most = 0;
        foreach (SelfCase test in cases)
        {
            float[][] expected = Outputs(test, reference, out _), actual = Outputs(test, kernels, out string? overrun);
            double error = Error(expected, actual);
            largest = double.Max(largest, error);
            double allowed = test.AllowedOn(kernels);
            allowed += error <= allowed ? 0 : Turns(test, turned);
            most = double.Max(most, allowed);
            string? fault = overrun
                ?? (!(error <= allowed) ? $"‖Δ‖/‖expected‖ is {error:g3}, allowed is {allowed:g3}" : null)
                ?? (Same(actual, Outputs(test, kernels, out _)) ? null : "a second run gave other bits");
            if (fault is not null)
            {
                return new SelfTestResult(test.Op, cases.Length, largest, allowed, $"{test.Name}: {fault}");
            }
        }

        return new SelfTestResult(cases[0].Op, cases.Length, largest, most, null);
    }

    // Between two products that round their rows a number may lie so near the middle of two bf16 that this device rounds it up
    // and the reference down: by 2⁻⁸ of it, and one large number among few is much. Which may turn, and what that comes to, two
    // references say, whose sums are off by as much to either side. Rounding left out or done otherwise is beyond it.
    private static double Turns(SelfCase test, KernelSet[] turned)
    {
        bool rounds = test.Turns || test.Op.Contains("experts", StringComparison.Ordinal) || test.Op.Contains("mlp", StringComparison.Ordinal) || test.Op.Contains("mixture", StringComparison.Ordinal);
        return rounds && turned.Length > 0 ? Error(Outputs(test, turned[0], out _), Outputs(test, turned[1], out _)) : 0;
    }

    private static float[][] Outputs(SelfCase test, KernelSet kernels, out string? overrun)
    {
        using var memory = new GuardedMemory(kernels) { IsAligned = test.IsAligned };
        Tensor[] outputs = test.Run(kernels, memory);
        overrun = memory.Fault();
        return [.. outputs.Select(Read)];
    }

    private static float[] Read(Tensor tensor)
    {
        if (tensor.Type == DType.BF16)
        {
            return [.. tensor.AsSpan<ushort>().ToArray().Select(DTypes.BF16ToF32)];
        }

        if (tensor.Type == DType.I32)
        {
            return [.. tensor.AsSpan<int>().ToArray().Select(i => (float)i)];
        }

        return tensor.AsSpan<float>().ToArray();
    }

    // A NaN where one is expected is right; any other makes the error NaN, which no bound allows.
    private static double Error(float[][] expected, float[][] actual)
    {
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = 0, norm = 0;
            foreach ((float e, float a) in expected[i].Zip(actual[i]))
            {
                bool both = float.IsNaN(e) && float.IsNaN(a);
                difference += both ? 0 : ((double)a - e) * ((double)a - e);
                norm += both ? 0 : (double)e * e;
            }

            double error = difference == 0 ? 0 : Math.Sqrt(difference / norm);
            if (!(error <= worst))
            {
                worst = error;
            }
        }

        return worst;
    }

    private static bool Same(float[][] first, float[][] second) => first.Zip(second)
        .All(pair => pair.First.AsSpan().SequenceEqual(pair.Second) || pair.First.Zip(pair.Second)
            .All(v => BitConverter.SingleToInt32Bits(v.First) == BitConverter.SingleToInt32Bits(v.Second)));
}
