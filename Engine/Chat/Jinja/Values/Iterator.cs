namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>What lazy filters give: values that can be gone through once, that have no length and are always true.</summary>
internal sealed class Iterator(string typeName, IEnumerable<object?> values)
{
    private readonly IEnumerator<object?> _values = values.GetEnumerator();

    public string TypeName => typeName;

    /// <summary>The values that are left.</summary>
    public IEnumerable<object?> Rest()
    {
        while (_values.MoveNext())
        {
            yield return _values.Current;
        }
    }

    /// <summary>The values of a generator.</summary>
    public static Iterator Generator(IEnumerable<object?> values) => new("generator", values);
}
