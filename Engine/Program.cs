using Lean.Engine.Cli;

namespace Lean.Engine;

internal static class Program
{
    private static int Main(string[] args) => CommandLine.Run(args);
}
