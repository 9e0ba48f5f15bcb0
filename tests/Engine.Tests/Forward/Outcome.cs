namespace Lean.Engine.Tests.Forward;

/// <summary>Tokens and log-probabilities of a generation; equal means equal bits.</summary>
internal sealed record Outcome(int[] Tokens, float[] LogProbabilities)
{
    /// <summary>Asserts that another run gave the same bits.</summary>
    internal void MustBe(Outcome other, string where)
    {
        Assert.True(Tokens.SequenceEqual(other.Tokens), $"{where}: tokens differ");
        Assert.True(
            LogProbabilities.Select(BitConverter.SingleToInt32Bits).SequenceEqual(other.LogProbabilities.Select(BitConverter.SingleToInt32Bits)),
            $"{where}: log-probabilities differ in their bits");
    }
}
