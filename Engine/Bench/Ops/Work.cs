namespace Lean.Engine.Bench.Ops;

/// <summary>What a launch must do, whatever the implementation.</summary>
/// <param name="Bytes">Every input read once and every output written once.</param>
/// <param name="Flops">Multiplications and additions of the op's formula.</param>
/// <param name="FromMemory">Whether most of the bytes lie in memory in a model's step; the activations of a step stay in caches.</param>
internal readonly record struct Work(double Bytes, double Flops, bool FromMemory = true);
