using Lean.Engine.Running;

namespace Lean.Engine.Cli;

/// <summary>One line on the terminal that says what the caches hold and take.</summary>
internal static class CacheLine
{
    /// <summary>Prints it where somebody watches.</summary>
    /// <param name="engine">Whose caches.</param>
    /// <param name="reusesGenerated">Whether they keep what was generated: that is said in any case.</param>
    public static void Show(GenerationEngine engine, bool reusesGenerated)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.WriteLine(engine.Caches);
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
