namespace Lean.Engine.Running;

/// <summary>Why a generation ended.</summary>
internal enum FinishReason
{
    /// <summary>It has not.</summary>
    None,

    /// <summary>The model chose an end-of-sequence token.</summary>
    Stop,

    /// <summary>The allowed tokens, or the model's positions, are used up.</summary>
    Length,

    /// <summary>Numbers were not finite: those of its residual stream, or the logits.</summary>
    Fault,
}
