namespace Lean.Engine.Running;

/// <summary>How an engine is doing.</summary>
/// <param name="Running">Sequences that run.</param>
/// <param name="Waiting">Sequences that wait.</param>
/// <param name="BlocksInUse">Cache blocks that sequences have.</param>
/// <param name="Sequences">Sequences of the step that was submitted last; 0 where there was nothing to do.</param>
/// <param name="Rows">Rows of that step.</param>
/// <param name="PromptRows">Prompt rows among them.</param>
/// <param name="Preemptions">How often a sequence had to give its blocks back so far.</param>
internal readonly record struct EngineFigures(int Running, int Waiting, int BlocksInUse, int Sequences, int Rows, int PromptRows, long Preemptions);
