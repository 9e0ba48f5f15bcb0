namespace Lean.Engine.Bench;

/// <summary>How fast a batch decodes.</summary>
/// <param name="Batch">Sequences.</param>
/// <param name="StepSeconds">Median time of a step of one row per sequence.</param>
/// <param name="Bytes">What a step must read (see <see cref="StepBytes"/>).</param>
/// <param name="StepTokens">Tokens that a step gives, all sequences together: with drafts more than one each.</param>
/// <param name="Experts">Experts of a layer that a step touches, estimated; 0 for a dense model.</param>
internal sealed record DecodeFigure(int Batch, double StepSeconds, double Bytes, double StepTokens, double Experts)
{
    /// <summary>Tokens a second, all sequences together.</summary>
    public double TokensPerSecond => StepTokens / StepSeconds;

    /// <summary>Bytes a second that the step's reading comes to.</summary>
    public double BytesPerSecond => Bytes / StepSeconds;
}
