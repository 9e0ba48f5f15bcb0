namespace Lean.Engine.Serving;

/// <summary>A token that was chosen.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Its log-probability.</param>
internal readonly record struct ChosenToken(int Id, float LogProbability);
