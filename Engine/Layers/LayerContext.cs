using Lean.Engine.Models;
using Lean.Kernels;

namespace Lean.Engine.Layers;

/// <summary>What every layer is built from: the model's facts, the device's ops, and the form weights take on it.</summary>
internal sealed record LayerContext(ModelConfig Config, KernelSet Ops, Parameters Parameters);
