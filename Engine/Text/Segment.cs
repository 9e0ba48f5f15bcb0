namespace Lean.Engine.Text;

/// <summary>A stretch of text: an added token, or text between them.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends.</param>
/// <param name="Id">The token's id, or -1 for text.</param>
internal readonly record struct Segment(int Start, int End, int Id);
