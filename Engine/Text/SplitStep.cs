namespace Lean.Engine.Text;

/// <summary>One step that cuts text into pieces.</summary>
/// <param name="Splitter">Finds the pieces; null leaves the text whole.</param>
/// <param name="AddPrefixSpace">True if a text that does not begin with a space first gets one.</param>
internal readonly record struct SplitStep(ISplitter? Splitter, bool AddPrefixSpace);
