namespace Lean.Engine.Chat.Jinja.Syntax;

/// <summary>Which of the names varargs, kwargs and caller a macro's body reads: it takes only those.</summary>
internal sealed class MacroNames
{
    private readonly Stack<(bool Varargs, bool Kwargs, bool Caller)> _macros = new();

    /// <summary>A macro begins.</summary>
    public void Enter() => _macros.Push(default);

    /// <summary>A macro ends; what it reads, the one around it reads too.</summary>
    public (bool Varargs, bool Kwargs, bool Caller) Leave()
    {
        (bool varargs, bool kwargs, bool caller) = _macros.Pop();
        if (_macros.TryPop(out (bool Varargs, bool Kwargs, bool Caller) outer))
        {
            _macros.Push((outer.Varargs || varargs, outer.Kwargs || kwargs, outer.Caller || caller));
        }

        return (varargs, kwargs, caller);
    }

    /// <summary>A name is read.</summary>
    public void Read(string name)
    {
        if (name is "varargs" or "kwargs" or "caller" && _macros.TryPop(out (bool Varargs, bool Kwargs, bool Caller) macro))
        {
            _macros.Push((macro.Varargs || name == "varargs", macro.Kwargs || name == "kwargs", macro.Caller || name == "caller"));
        }
    }
}
