using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Lean.Engine.Cli;

/// <summary>The usual help of a command, and its examples.</summary>
internal sealed class ExampleHelp(SynchronousCommandLineAction usual) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => usual.ClearsParseErrors;

    /// <summary>Puts examples behind the help of every command under a root.</summary>
    public static RootCommand Extend(RootCommand root)
    {
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
        {
            help.Action = new ExampleHelp((SynchronousCommandLineAction)help.Action!);
        }

        return root;
    }

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int code = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is ExampleCommand command)
        {
            Console.WriteLine($"Examples:\n  {string.Join("\n  ", command.Examples)}\n");
        }

        return code;
    }
}
