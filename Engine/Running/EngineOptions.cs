namespace Lean.Engine.Running;

/// <summary>Limits of a generation engine.</summary>
internal sealed record EngineOptions
{
    /// <summary>Rows a step aims at; prompts are cut to it.</summary>
    public int MaxStepTokens { get; init; } = 512;

    /// <summary>Sequences that run at a time; further ones wait.</summary>
    public int MaxSequences { get; init; } = 64;
}
