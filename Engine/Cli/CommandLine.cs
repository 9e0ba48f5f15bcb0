using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Lean.Engine.Bench;
using Lean.Engine.Cli.Chat;
using Lean.Engine.Cli.Generate;
using Lean.Engine.Cli.Serve;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>
/// The program's commands, and how each run ends: exit code 0, or one sentence on stderr and 1 (the machine failed) or
/// 2 (wrong usage or bad input).
/// </summary>
internal static partial class CommandLine
{
    private const string DebugVariable = "LEAN_DEBUG";

    /// <summary>Runs the program.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(string[] args)
    {
        try
        {
            RawArguments.Check(args);
            FileSizeSignal.Ignore();

            // A prompt may begin with '@' (a response file, by default) or with several letters after one dash.
            var rules = new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null };
            ParseResult parsed = Root().Parse(args, rules);
            Check(parsed);
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (LeanException e)
        {
            return Fail(e.Message, e.ExitCode, e);
        }
        catch (OutOfMemoryException e)
        {
            return Fail("not enough memory", 1, e);
        }
        catch (ArgumentOutOfRangeException e) when (e.StackTrace?.Contains("System.ConsolePal", StringComparison.Ordinal) is true)
        {
            // What .NET's console makes of EFBIG, the error of a file beyond ulimit -f.
            return Fail("writing failed: the file would be larger than the system allows", 1, e);
        }
        catch (UnauthorizedAccessException e)
        {
            return Fail($"permission denied: {OneLine(e)}", 2, e);
        }
        catch (IOException e)
        {
            return Fail($"reading or writing failed: {OneLine(e)}", 1, e);
        }
#pragma warning disable CA1031 // The last resort: whatever nobody expected still ends in a sentence and an exit code.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Fail($"unexpected {e.GetType().Name}: {OneLine(e)}", 1, e);
        }
    }

    /// <summary>The commands. Built per run: parsing binds nothing to them.</summary>
    internal static RootCommand Root() => ExampleHelp.Extend(new(
        """
        Serves Qwen3-Next and Qwen3.5 language models from one native binary.

        Examples:
          lean generate "ROMEO:"                       with the demo model that comes with the program
          lean generate "Once" --model DIR --json
          lean inspect DIR

        Environment: LEAN_CPU=avx512|avx2|scalar forces an instruction set, LEAN_THREADS=N the number of threads,
        LEAN_DEBUG=1 adds a stack trace to an error.
        Exit codes: 0 done, 1 the machine failed, 2 wrong usage or bad input.
        """)
    {
        new GenerateCommand().Build(),
        new ScoreCommand().Build(),
        new TokenizeCommand().Build(),
        new RenderCommand().Build(),
        new InspectCommand().Build(),
        DevicesCommand.Build(),
        KernelsCommand.Build(),
        new SelfTestCommand().Build(),
        new BenchCommand().Build(),
        new ServeCommand().Build(),
        new DiagnoseCommand().Build(),
    });

    private static void Check(ParseResult parsed)
    {
        string command = Name(parsed.CommandResult);

        // The parser's own directives are no part of this command line.
        if (parsed.Tokens.FirstOrDefault(static t => t.Type == TokenType.Directive) is { } directive)
        {
            throw new InputException($"unrecognized command or argument '{directive.Value}' (see lean --help)");
        }

        if (parsed.Action is ParseErrorAction)
        {
            // A word that is no command also leaves the command missing; the word is what helps.
            string message = parsed.Errors.FirstOrDefault(static e => e.SymbolResult is not CommandResult || e.Message.Contains('\'', StringComparison.Ordinal))?.Message
                ?? "no command given";
            throw new InputException($"{char.ToLowerInvariant(message[0])}{message[1..].TrimEnd('.')} (see {command} --help)");
        }

        // The parser takes an option it doesn't know for the command's argument, so a slip would become a prompt.
        if (parsed.Tokens.All(t => t.Type != TokenType.DoubleDash))
        {
            foreach (Token token in parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens))
            {
                if (LooksLikeOption().IsMatch(token.Value))
                {
                    throw new InputException($"there is no option {token.Value} (see {command} --help; text that begins with a dash goes after --)");
                }
            }
        }
    }

    private static string Name(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{Name(parent)} {command.Command.Name}" : "lean";

    private static string OneLine(Exception e) => e.Message.ReplaceLineEndings(" ").TrimEnd('.');

    private static int Fail(string message, int exitCode, Exception e)
    {
        try
        {
            Console.Error.WriteLine($"lean: {message}");
            if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
            {
                Console.Error.WriteLine(e);
            }
        }
#pragma warning disable CA1031 // With nowhere to say it, the exit code still tells.
        catch (Exception)
#pragma warning restore CA1031
        {
        }

        return exitCode;
    }

    [GeneratedRegex("^--?[A-Za-z][A-Za-z0-9-]*(=.*)?$", RegexOptions.Singleline)]
    private static partial Regex LooksLikeOption();
}
