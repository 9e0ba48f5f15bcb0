using Lean.Engine.Weights;

namespace Lean.Engine.Models;

/// <summary>The weights of a mixture of experts.</summary>
/// <param name="Router">The router.</param>
/// <param name="Shared">The shared expert and its gate.</param>
/// <param name="Experts"><see cref="FusedExpertWeights"/> or <see cref="PerExpertWeights"/>.</param>
internal sealed record MoeWeights(RouterWeights Router, SharedExpertWeights Shared, object Experts);
