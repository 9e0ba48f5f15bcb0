using Lean.Engine.Models;

namespace Lean.Engine.Weights;

/// <summary>The names a family's published bf16 checkpoints use, for binders that have no checkpoint to ask.</summary>
internal static class PublishedNames
{
    /// <summary>Whether the published form has a tensor of this name, as far as layouts are told apart by it.</summary>
    public static bool Contains(ModelConfig config, string name)
    {
        bool isNested = config.Family != ModelFamily.Qwen3Next;
        return name switch
        {
            _ when name.StartsWith("mtp.", StringComparison.Ordinal) => config.MtpLayers is not 0 && IsExpected(config, name),
            _ when name.StartsWith("model.language_model.", StringComparison.Ordinal) => isNested && IsExpected(config, name),
            _ when name.StartsWith("model.", StringComparison.Ordinal) => !isNested && IsExpected(config, name),
            "lm_head.weight" => !config.TiedHead,
            _ => false,
        };
    }

    private static bool IsExpected(ModelConfig config, string name) => name switch
    {
        _ when name.EndsWith(".experts.gate_up_proj", StringComparison.Ordinal) => config.Family == ModelFamily.Qwen35Moe,
        _ when name.EndsWith(".experts.down_proj", StringComparison.Ordinal) => config.Family == ModelFamily.Qwen35Moe,
        _ when name.Contains(".experts.", StringComparison.Ordinal) => config.Family == ModelFamily.Qwen3Next,
        _ => true,
    };
}
