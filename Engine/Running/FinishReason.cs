namespace Lean.Engine.Running;

/// <summary>Why a generation ended.</summary>
internal enum FinishReason
{
    /// <summary>It has not.</summary>
    None,

    /// <summary>The token chosen last ends the sequence: the model's end-of-sequence token, a stop token of the request, or the end of its grammar.</summary>
    Stop,

    /// <summary>A stop string of the request is in the text.</summary>
    StopString,

    /// <summary>The allowed tokens, or the model's positions, are used up.</summary>
    Length,

    /// <summary>Numbers were not finite: those of its residual stream, or the logits.</summary>
    Fault,

    /// <summary>Whoever asked for it does not want it any more.</summary>
    Cancelled,

    /// <summary>Its time was up.</summary>
    Deadline,

    /// <summary>The engine ended before it did.</summary>
    Shutdown,
}
