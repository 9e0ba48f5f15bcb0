namespace Lean.Engine.Models.Config;

/// <summary>
/// Reads the rotary embedding from rope_parameters, or from the older rope_theta and rope_scaling. Where both are
/// given, rope_parameters wins key by key: checkpoints exist whose top-level partial_rotary_factor is stale.
/// </summary>
internal static class RopeReader
{
    private const double DefaultPartial = 0.25;
    private const double MaxTheta = 1e12;
    private const double MaxFactor = 1 << 16;

    /// <summary>The rotary embedding of a head of <paramref name="headDim"/> dimensions.</summary>
    public static RopeConfig Read(ConfigObject text, int headDim, int maxPositions)
    {
        ConfigObject? current = text.Object("rope_parameters");
        ConfigObject? scaling = current ?? text.Object("rope_scaling");
        string kind = scaling?.TextOrNull("rope_type") ?? scaling?.TextOrNull("type") ?? "default";
        if (kind is not ("default" or "yarn"))
        {
            string key = scaling!.Has("rope_type") ? "rope_type" : "type";
            throw scaling.Refuse(key, $"is {ConfigObject.Shown(kind)}; Lean computes the rotary embeddings default and yarn");
        }

        double theta = scaling?.NumberOrNull("rope_theta", 1, MaxTheta)
            ?? text.NumberOrNull("rope_theta", 1, MaxTheta)
            ?? throw (current ?? text).Wrong("rope_theta", "the base of the rotary frequencies");
        (ConfigObject holder, double partial) = Partial(scaling, text);
        int rotary = (int)(headDim * partial);
        if (rotary < 2 || rotary % 2 != 0)
        {
            throw holder.Refuse("partial_rotary_factor", $"of a head of {headDim} dimensions gives {rotary} rotated ones; their number must be even and positive");
        }

        return new RopeConfig { Theta = theta, RotaryDim = rotary, Yarn = kind == "yarn" ? Yarn(scaling!, maxPositions) : null };
    }

    private static (ConfigObject Holder, double Value) Partial(ConfigObject? scaling, ConfigObject text) =>
        scaling?.NumberOrNull("partial_rotary_factor", 0, 1) is { } own
            ? (scaling, own)
            : (text, text.NumberOrNull("partial_rotary_factor", 0, 1) ?? DefaultPartial);

    private static YarnConfig Yarn(ConfigObject rope, int maxPositions)
    {
        int original = rope.IntOrNull("original_max_position_embeddings", 1, ModelConfigReader.MaxPositions) ?? maxPositions;
        double factor = rope.NumberOrNull("factor", 1, MaxFactor) ?? double.Max(1, (double)maxPositions / original);
        double betaFast = rope.NumberOrNull("beta_fast", 0, MaxFactor) is { } fast and > 0 ? fast : 32;
        double betaSlow = rope.NumberOrNull("beta_slow", 0, MaxFactor) is { } slow and > 0 ? slow : 1;
        if (betaSlow > betaFast)
        {
            throw rope.Refuse("beta_slow", $"is {betaSlow}, above beta_fast, which is {betaFast}");
        }

        return new YarnConfig
        {
            Factor = factor,
            OriginalMaxPositions = original,
            BetaFast = betaFast,
            BetaSlow = betaSlow,
            AttentionFactor = rope.NumberOrNull("attention_factor", 0, MaxFactor) ?? AttentionFactor(rope, factor),
            Truncate = rope.FlagOrNull("truncate") ?? true,
        };
    }

    // Both mscales given: a quotient (DeepSeek's form); otherwise the paper's 0.1 ln(factor) + 1.
    private static double AttentionFactor(ConfigObject rope, double factor)
    {
        double own = rope.NumberOrNull("mscale", 0, MaxFactor) ?? 0;
        double all = rope.NumberOrNull("mscale_all_dim", 0, MaxFactor) ?? 0;
        return own > 0 && all > 0 ? Scale(factor, own) / Scale(factor, all) : Scale(factor, 1);
    }

    private static double Scale(double factor, double mscale) => (0.1 * mscale * double.Log(factor)) + 1;
}
