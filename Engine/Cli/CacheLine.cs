using Lean.Engine.Running;

namespace Lean.Engine.Cli;

/// <summary>Lines on the terminal that say what the caches hold and take, and how large steps are.</summary>
internal static class CacheLine
{
    /// <summary>Prints them where somebody watches.</summary>
    /// <param name="engine">Whose caches.</param>
    /// <param name="reusesGenerated">Whether they keep what was generated: that is said in any case.</param>
    public static void Show(GenerationEngine engine, bool reusesGenerated)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.WriteLine(engine.Caches);
            Console.Error.WriteLine(engine.StepTokens);
        }

        ShowReuse(reusesGenerated);
    }

    /// <summary>Says that exactness is given up, where it is.</summary>
    public static void ShowReuse(bool reusesGenerated)
    {
        if (reusesGenerated)
        {
            Console.Error.WriteLine("--reuse-generated: prompts reuse what was generated, so exactness is given up: an answer may differ from what its prompt gives alone");
        }
    }
}
