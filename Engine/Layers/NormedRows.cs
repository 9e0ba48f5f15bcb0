using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>What a norm gives to half a layer.</summary>
/// <param name="Values">f32 [T, H]; where <see cref="TermUse.Instead"/> took the prompt's rows as terms, those may be anything here.</param>
/// <param name="Terms">bf16 [R, P]: the prompt's rows as <see cref="NormedTerms"/> makes them; or empty.</param>
internal readonly record struct NormedRows(Tensor Values, Tensor Terms = default);
