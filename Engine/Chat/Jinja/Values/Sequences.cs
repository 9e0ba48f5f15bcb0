namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>A list or a tuple.</summary>
internal abstract class SequenceValue : Container
{
    protected SequenceValue(object?[] items)
    {
        Items = items;
        foreach (object? item in items)
        {
            Hold(item);
        }
    }

    /// <summary>The elements.</summary>
    public object?[] Items { get; }

    /// <summary>The same kind with other elements.</summary>
    public abstract SequenceValue With(object?[] items);
}

/// <summary>A list.</summary>
internal sealed class ListValue(object?[] items) : SequenceValue(items)
{
    public override SequenceValue With(object?[] items) => new ListValue(items);
}

/// <summary>A tuple.</summary>
/// <param name="items">Its elements.</param>
/// <param name="fields">Names of the elements, where they have any.</param>
internal sealed class TupleValue(object?[] items, string[]? fields = null) : SequenceValue(items)
{
    public string[]? Fields { get; } = fields;

    /// <summary>Whether it can be a key. Known from the start: going through tuples of tuples could take for ever.</summary>
    public bool IsHashable { get; } = Array.TrueForAll(items, KeyComparer.IsHashable);

    public override SequenceValue With(object?[] items) => new TupleValue(items);
}
