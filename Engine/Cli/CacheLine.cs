using Lean.Engine.Running;

namespace Lean.Engine.Cli;

/// <summary>One line on the terminal that says what the caches hold and take.</summary>
internal static class CacheLine
{
    /// <summary>Prints it where somebody watches.</summary>
    public static void Show(GenerationEngine engine)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.WriteLine(engine.Caches);
        }
    }
}
