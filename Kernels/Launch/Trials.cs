namespace Lean.Kernels;

/// <summary>
/// Kernels that have yet to be measured, each behind a switch of its own, so that one process times both sides. LEAN_TRIALS
/// names those that run, such as "routed,whole"; "all" names all, and nothing none. Graphs captured before a change keep
/// what they hold: make a new engine after one.
/// </summary>
public static class Trials
{
    /// <summary>The environment variable.</summary>
    public const string Variable = "LEAN_TRIALS";

    static Trials() => Choose(Environment.GetEnvironmentVariable(Variable) ?? "");

    /// <summary>Whether mixtures of few rows choose their experts themselves.</summary>
    public static bool Routed { get; private set; }

    /// <summary>Whether Gated DeltaNet reads states before it waits for the projection.</summary>
    public static bool EarlyState { get; private set; }

    /// <summary>Whether Gated DeltaNet asks L2 for the states of groups that have yet to begin.</summary>
    public static bool AskedState { get; private set; }

    /// <summary>Whether linears of few outputs ask for all their weights before they wait.</summary>
    public static bool Whole { get; private set; }

    /// <summary>Whether linears of few rows norm their rows themselves.</summary>
    public static bool Normed { get; private set; }

    /// <summary>Whether tiles of eight rows are cut by expert where rows are many, rather than one a place.</summary>
    public static bool Tiles { get; private set; }

    /// <summary>Whether experts ask L2 for weights of groups that have yet to begin.</summary>
    public static bool AskedWeights { get; private set; }

    /// <summary>Whether experts of rows that share them read their weights in one stream a group.</summary>
    public static bool Streams { get; private set; }

    /// <summary>Says which run from now on.</summary>
    /// <param name="names">Their names, separated by commas.</param>
    public static void Choose(string names)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] chosen = names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        bool all = chosen.Contains("all");
        (Routed, EarlyState, AskedState, Whole, Normed, Tiles, AskedWeights, Streams) = (
            all || chosen.Contains("routed"), all || chosen.Contains("early"), all || chosen.Contains("asked"), all || chosen.Contains("whole"),
            all || chosen.Contains("normed"), all || chosen.Contains("tiles"), all || chosen.Contains("weights"), all || chosen.Contains("streams"));
    }
}
