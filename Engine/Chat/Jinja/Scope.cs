using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja;

/// <summary>
/// Variables of one level. What is set inside a loop, a macro or a with ends with it; ifs have no level of their own.
/// A macro sees the variables around its definition as they are when it runs.
/// </summary>
internal sealed class Scope
{
    private readonly Scope? _outer;
    private readonly object?[]? _all;
    private (int Name, object? Value)[] _own = [];
    private int _count;

    /// <summary>A level inside another.</summary>
    public Scope(Scope outer) => _outer = outer;

    /// <summary>The outermost level.</summary>
    /// <param name="variables">A value, or <see cref="Missing"/>, for each of the template's names.</param>
    public Scope(object?[] variables) => _all = variables;

    /// <summary>The outermost level's.</summary>
    public Scope Root => _outer?.Root ?? this;

    /// <summary>A variable's value, or <see cref="Missing"/>.</summary>
    public object? Get(int name)
    {
        Scope scope = this;
        for (; scope._outer is { } outer; scope = outer)
        {
            for (int i = 0; i < scope._count; i++)
            {
                if (scope._own[i].Name == name)
                {
                    return scope._own[i].Value;
                }
            }
        }

        return scope._all![name];
    }

    /// <summary>Sets a variable of this level.</summary>
    public void Set(int name, object? value)
    {
        if (_all is not null)
        {
            _all[name] = value;
            return;
        }

        for (int i = 0; i < _count; i++)
        {
            if (_own[i].Name == name)
            {
                _own[i].Value = value;
                return;
            }
        }

        if (_count == _own.Length)
        {
            Array.Resize(ref _own, int.Max(4, 2 * _count));
        }

        _own[_count++] = (name, value);
    }
}
