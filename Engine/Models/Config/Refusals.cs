namespace Lean.Engine.Models.Config;

/// <summary>Variants that the configuration can ask for and Lean does not compute: refused, never ignored.</summary>
internal static class Refusals
{
    /// <summary>Throws where the checkpoint is quantised or a layer has a form that no published model has.</summary>
    public static void Check(ConfigObject root, ConfigObject text)
    {
        foreach (ConfigObject level in (ConfigObject[])[root, text])
        {
            foreach (string key in (string[])["quantization_config", "compression_config"])
            {
                if (level.Object(key) is { } quantised)
                {
                    string method = quantised.TextOrNull("quant_method") ?? "of an unnamed method";
                    throw level.Refuse(key, $"says that the weights are quantised ({ConfigObject.Shown(method)}); Lean reads bf16, f16 and f32 weights, so use the model's unquantised repository");
                }
            }
        }

        if (text.TextOrNull("hidden_act") is { } activation and not "silu")
        {
            throw text.Refuse("hidden_act", $"must be silu, found {ConfigObject.Shown(activation)}");
        }

        RefuseIf(text, "attention_bias", true, "Lean's linears have no bias");
        RefuseIf(text, "attn_output_gate", false, "Lean's full attention is gated");
        RefuseIf(text, "mtp_use_dedicated_embeddings", true, "Lean's MTP head shares the model's embedding");
    }

    private static void RefuseIf(ConfigObject text, string key, bool unwanted, string reason)
    {
        if (text.FlagOrNull(key) == unwanted)
        {
            throw text.Wrong(key, $"{(unwanted ? "false" : "true")} ({reason})");
        }
    }
}
