using Lean.Tensors;

namespace Lean.Engine.Models.Config;

/// <summary>Tells from config.json which architecture a model has and where the language model's keys are.</summary>
internal static class Architecture
{
    /// <summary>The architectures as messages list them.</summary>
    public const string Supported = "qwen3_next, qwen3_5_moe and qwen3_5";

    /// <summary>The family, model_type as given, and the object that holds the language model's keys.</summary>
    /// <exception cref="InputException">Another architecture, or none named.</exception>
    public static (ModelFamily Family, string ModelType, ConfigObject Text) Of(ConfigObject root)
    {
        string? type = root.TextOrNull("model_type");
        string[] classes = root.TextsOrNull("architectures") ?? [];
        if (type is null && classes.Length == 0)
        {
            throw root.Refuse("model_type", $"is missing, and so is architectures; Lean serves {Supported}");
        }

        ModelFamily family = type is not null
            ? OfType(type) ?? throw root.Refuse("model_type", $"is {ConfigObject.Shown(type)}, an architecture that Lean does not serve; it serves {Supported}")
            : OfClass(classes[0]) ?? throw root.Refuse("architectures", $"names {ConfigObject.Shown(classes[0])}, which Lean does not serve; it serves {Supported}");
        foreach (string name in classes)
        {
            if (OfClass(name) is { } other && other != family)
            {
                throw root.Refuse("architectures", $"names {ConfigObject.Shown(name)}, but model_type is {ConfigObject.Shown(type ?? classes[0])}: they contradict each other");
            }
        }

        ConfigObject? nested = root.Object("text_config");
        if (nested?.TextOrNull("model_type") is { } textType && OfType(textType) != family)
        {
            throw root.Refuse("text_config.model_type", $"is {ConfigObject.Shown(textType)}, but the model is {ConfigObject.Shown(type ?? classes[0])}; Lean serves {Supported}");
        }

        return (family, type ?? classes[0], nested ?? root);
    }

    private static ModelFamily? OfType(string type) => type switch
    {
        "qwen3_next" => ModelFamily.Qwen3Next,
        "qwen3_5_moe" or "qwen3_5_moe_text" => ModelFamily.Qwen35Moe,
        "qwen3_5" or "qwen3_5_text" => ModelFamily.Qwen35Dense,
        _ => null,
    };

    private static ModelFamily? OfClass(string name) => name switch
    {
        "Qwen3NextForCausalLM" => ModelFamily.Qwen3Next,
        "Qwen3_5MoeForCausalLM" or "Qwen3_5MoeForConditionalGeneration" => ModelFamily.Qwen35Moe,
        "Qwen3_5ForCausalLM" or "Qwen3_5ForConditionalGeneration" => ModelFamily.Qwen35Dense,
        _ => null,
    };
}
