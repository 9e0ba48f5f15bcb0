using System.CommandLine;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>
/// The part of the command line that other tools may already use and this version cannot carry out yet. It is parsed,
/// so that the answer names it instead of calling it a mistake; values that change nothing are accepted.
/// </summary>
internal sealed class Later
{
    private readonly List<(Option Option, Func<ParseResult, string?> Value, Func<string, bool> Accepts)> _options = [];

    /// <summary>The sentence for something that is not there yet.</summary>
    public static InputException NotYet(string thing) => new($"{thing} is not in this version yet");

    /// <summary>Several devices, and the choice of one.</summary>
    public Later Layout() => Value("--tp", IsOne).Value("--dp", IsOne).Flag("--ep").Value("--comm");

    /// <summary>Adds the options to a command, out of sight of its help.</summary>
    public Later AddTo(Command command)
    {
        _options.ForEach(o => command.Add(o.Option));
        return this;
    }

    /// <summary>Refuses what was asked for and is not there yet.</summary>
    /// <exception cref="InputException">Names the option.</exception>
    public void Check(ParseResult parsed)
    {
        foreach ((Option option, Func<ParseResult, string?> value, Func<string, bool> accepts) in _options)
        {
            if (parsed.GetResult(option) is { Implicit: false } && !(value(parsed) is { } text && accepts(text)))
            {
                throw NotYet(value(parsed) is { } given ? $"{option.Name} {given}" : option.Name);
            }
        }
    }

    private static bool IsOne(string text) => text == "1";

    private Later Flag(string name)
    {
        Option<bool> option = Options.Flag(name, "");
        return Add(option, static _ => null, static _ => false);
    }

    private Later Value(string name, Func<string, bool>? accepts = null)
    {
        Option<string?> option = Options.Text(name, "VALUE", "");
        return Add(option, parsed => parsed.GetValue(option), accepts ?? (static _ => false));
    }

    private Later Add(Option option, Func<ParseResult, string?> value, Func<string, bool> accepts)
    {
        option.Hidden = true;
        _options.Add((option, value, accepts));
        return this;
    }
}
