namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>What namespace() gives: the one value whose attributes a template may set.</summary>
internal sealed class NamespaceValue
{
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly List<KeyValuePair<string, object?>> _attributes = [];

    public IReadOnlyList<KeyValuePair<string, object?>> Attributes => _attributes;

    public bool TryGet(string name, out object? value)
    {
        bool found = _places.TryGetValue(name, out int place);
        value = found ? _attributes[place].Value : null;
        return found;
    }

    public void Set(string name, object? value)
    {
        if (_places.TryAdd(name, _attributes.Count))
        {
            _attributes.Add(new(name, value));
        }
        else
        {
            _attributes[_places[name]] = new(name, value);
        }
    }
}
