namespace Lean.Engine.Running;

/// <summary>Whoever waits for a sequence's tokens. Called on the engine's thread, so each call should be short.</summary>
internal interface ISequenceListener
{
    /// <summary>A token has been chosen; <see cref="Sequence.Finish"/> already tells whether it is the last.</summary>
    void Chosen(Sequence sequence);

    /// <summary>The sequence has ended, for whatever reason. Called once, after everything else.</summary>
    void Ended(Sequence sequence);
}
