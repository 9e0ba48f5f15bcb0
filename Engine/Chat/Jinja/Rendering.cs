using System.Runtime.CompilerServices;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja;

/// <summary>One rendering under way: what it has written, where it is, and how much it may still do.</summary>
internal sealed class Rendering
{
    private readonly long _allowed;
    private long _left;
    private int _calls;

    /// <param name="variables">The template's variables.</param>
    /// <param name="clock">The time for strftime_now.</param>
    public Rendering(DictValue variables, TimeProvider clock)
    {
        _left = _allowed = Limits.Steps + (Limits.StepsPerWeight * long.Min(variables.Weight, int.MaxValue));
        Clock = clock;
        Output = new TextBuilder(this);
    }

    /// <summary>The time.</summary>
    public TimeProvider Clock { get; }

    /// <summary>Where statements write.</summary>
    public TextBuilder Output { get; private set; }

    /// <summary>The line of the statement at work.</summary>
    public int Line { get; set; } = 1;

    /// <summary>Takes steps off what is left.</summary>
    /// <exception cref="InputException">The template has used up its steps.</exception>
    public void Charge(long steps = 1)
    {
        _left -= steps;
        if (_left < 0 || steps < 0)
        {
            throw Fault.Limit($"the template does not end: expected at most {_allowed:N0} steps");
        }
    }

    /// <summary>Takes the steps for text that was made.</summary>
    public string Made(string text)
    {
        Room(text.Length);
        Charge(1 + (text.Length / 8));
        return text;
    }

    /// <summary>Checks the length of a text before it is made.</summary>
    /// <exception cref="InputException">It would be too long.</exception>
    public static void Room(long characters)
    {
        if (characters > Limits.Text)
        {
            throw Fault.Limit($"the template makes a text of more than {Limits.Text:N0} characters");
        }
    }

    /// <summary>What <paramref name="write"/> writes, as a text instead of in the output.</summary>
    public string Capture<T>(T state, Action<T> write)
    {
        TextBuilder outer = Output;
        Output = new TextBuilder(this);
        write(state);
        string text = Output.ToString();
        Output = outer;
        return text;
    }

    /// <summary>Goes one call deeper.</summary>
    /// <exception cref="InputException">That is too deep.</exception>
    public void Enter()
    {
        if (++_calls > Limits.CallDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw Fault.Limit($"macros or loops call themselves too deeply: expected at most {Limits.CallDepth} calls inside each other");
        }
    }

    /// <summary>Comes back from a call.</summary>
    public void Leave() => _calls--;
}
