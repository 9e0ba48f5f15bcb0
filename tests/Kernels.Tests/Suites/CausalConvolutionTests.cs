namespace Lean.Kernels.Tests;

/// <summary>causal_convolution.</summary>
public abstract class CausalConvolutionTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => ConvolutionCases.All();

    [Theory]
    [InlineData(17, 4, 130)]
    [InlineData(40, 4, 256)]
    [InlineData(33, 8, 200)]
    [InlineData(5, 2, 65)]
    public void A_sequence_has_the_same_bits_however_it_is_cut(int channels, int taps, int length)
    {
        Outputs whole = Calls(channels, taps, [length], alone: true);
        var failures = new Failures();
        foreach (int[] cut in Cuts(length))
        {
            string name = $"calls of {string.Join(", ", cut.Take(5))} rows";
            failures.Try(name, () => Compare.Bits(whole, Calls(channels, taps, cut, alone: true)));
            failures.Try(name + " among others", () => Compare.Bits(whole, Calls(channels, taps, cut, alone: false)));
        }

        failures.Assert();
    }

    private static IEnumerable<int[]> Cuts(int length)
    {
        foreach (int[] cut in GridCuts.Of(length))
        {
            yield return cut;
        }

        // The convolution has no cells: generated rows come in any number.
        foreach (int step in (int[])[1, 2, 3, 5, 63])
        {
            yield return [.. Enumerable.Range(0, (length + step - 1) / step).Select(i => Math.Min(step, length - (i * step)))];
        }
    }

    private static Outputs Calls(int channels, int taps, int[] cut, bool alone)
    {
        var calls = new List<Outputs>();
        for (int i = 0, from = 0; i < cut.Length; from += cut[i++])
        {
            var mine = new ConvolutionCases.Part(600, from, cut[i], i == 0 ? null : calls[^1]["history"].Values);
            var other = new ConvolutionCases.Part(601, 0, 3 + i, null);
            var third = new ConvolutionCases.Part(602, 9, 1, Numbers.Normal(i, (taps - 1) * channels));
            using var arena = new Arena(Kernels);
            calls.Add(ConvolutionCases.Run(Kernels, arena, channels, taps, alone ? [mine] : [mine, other, third], i)[0]);
        }

        return Outputs.Consecutive(calls);
    }
}
