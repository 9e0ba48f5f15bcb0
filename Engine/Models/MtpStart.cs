using Lean.Engine.Layers;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>How far rows have come through the MTP head when its cache is filled: up to its attention.</summary>
/// <param name="Residual">f32 [R, H]: the residual stream before its layer.</param>
/// <param name="Inputs">What its attention takes.</param>
internal readonly record struct MtpStart(Tensor Residual, AttentionInputs Inputs);
