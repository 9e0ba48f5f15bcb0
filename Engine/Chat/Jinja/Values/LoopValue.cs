namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>A for statement's <c>loop</c>. It looks one element ahead when asked for the next or the last, as Jinja's does.</summary>
/// <param name="source">What the loop goes through.</param>
/// <param name="length">Its number of elements, or null where only going through tells.</param>
/// <param name="depth">Levels of the recursive loop around it.</param>
/// <param name="recurse">Renders the loop's body for other values, or null for a loop that is not recursive.</param>
internal sealed class LoopValue(IEnumerable<object?> source, int? length, int depth, Func<Rendering, object?, int, string>? recurse) : Callable
{
    private IEnumerator<object?> _source = source.GetEnumerator();
    private int? _length = length;
    private object? _next = Missing.Value;
    private object? _compared = Missing.Value;

    public override string TypeName => "LoopContext";

    public override string Description => $"<LoopContext {Index0 + 1}/{Length}>";

    /// <summary>Elements before this one.</summary>
    public int Index0 { get; private set; } = -1;

    /// <summary>Levels of the recursive loop around it.</summary>
    public int Depth0 => depth;

    /// <summary>The element.</summary>
    public object? Current { get; private set; } = Missing.Value;

    /// <summary>The element before.</summary>
    public object? Previous { get; private set; } = Missing.Value;

    /// <summary>The element after, or <see cref="Missing"/>.</summary>
    public object? Next
    {
        get
        {
            if (Missing.Is(_next) && _source.MoveNext())
            {
                _next = _source.Current;
            }

            return _next;
        }
    }

    /// <summary>All elements.</summary>
    public int Length
    {
        get
        {
            if (_length is null)
            {
                List<object?> rest = [];
                while (_source.MoveNext())
                {
                    rest.Add(_source.Current);
                }

                _source = rest.GetEnumerator();
                _length = rest.Count + Index0 + 1 + (Missing.Is(_next) ? 0 : 1);
            }

            return _length.Value;
        }
    }

    /// <summary>Goes to the next element.</summary>
    public bool Advance()
    {
        object? next = Next;
        if (Missing.Is(next))
        {
            return false;
        }

        (Previous, Current, _next) = (Current, next, Missing.Value);
        Index0++;
        return true;
    }

    /// <summary>Whether these values are others than at the last call.</summary>
    public bool Changed(TupleValue values)
    {
        bool changed = Missing.Is(_compared) || !Operations.Comparison.Same(_compared, values);
        _compared = values;
        return changed;
    }

    public override object? Call(Rendering run, Arguments arguments)
    {
        if (recurse is null)
        {
            throw Fault.Type("The loop must have the 'recursive' marker to be called recursively.");
        }

        return arguments.Positional.Length == 1 && arguments.Named.Length == 0
            ? recurse(run, arguments.Positional[0], depth + 1)
            : throw Fault.Type(arguments.Positional.Length == 0
                ? "LoopContext.__call__() missing 1 required positional argument: 'iterable'"
                : $"LoopContext.__call__() takes 2 positional arguments but {arguments.Positional.Length + 1} were given");
    }
}
