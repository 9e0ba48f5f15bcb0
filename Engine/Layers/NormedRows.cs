using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>What a norm gives to half a layer.</summary>
/// <param name="Values">f32 [T, H]; rows that are taken as terms instead may be anything here.</param>
/// <param name="Terms">bf16: the prompt's rows as <see cref="NormedTerms"/> makes them, or, without prompts, the generated ones; or empty.</param>
internal readonly record struct NormedRows(Tensor Values, Tensor Terms = default);
