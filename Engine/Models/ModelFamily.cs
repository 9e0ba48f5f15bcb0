namespace Lean.Engine.Models;

/// <summary>The architectures Lean serves.</summary>
internal enum ModelFamily
{
    /// <summary>Qwen3-Next: mixture of experts, interleaved qkvz/ba projections (model_type qwen3_next).</summary>
    Qwen3Next,

    /// <summary>Qwen3.5 / 3.6 mixture of experts, flat projections (model_type qwen3_5_moe, qwen3_5_moe_text).</summary>
    Qwen35Moe,

    /// <summary>Qwen3.5 / 3.6 / 3.8 dense, flat projections (model_type qwen3_5, qwen3_5_text).</summary>
    Qwen35Dense,
}
