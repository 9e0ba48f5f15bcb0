namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>A dict: keys in the order in which they came first, each with the value that came last.</summary>
internal sealed class DictValue : Container
{
    private readonly Dictionary<object, int> _places;
    private readonly List<KeyValuePair<object?, object?>> _entries;

    /// <param name="pairs">Keys, which have to be hashable, and values.</param>
    public DictValue(IEnumerable<KeyValuePair<object?, object?>> pairs)
    {
        _entries = [];
        _places = new Dictionary<object, int>(KeyComparer.Instance);
        foreach (KeyValuePair<object?, object?> pair in pairs)
        {
            KeyComparer.Check(pair.Key);
            if (_places.TryAdd(KeyComparer.Wrap(pair.Key), _entries.Count))
            {
                _entries.Add(pair);
            }
            else
            {
                int place = _places[KeyComparer.Wrap(pair.Key)];
                _entries[place] = new(_entries[place].Key, pair.Value);
            }
        }

        foreach ((object? key, object? value) in _entries)
        {
            Hold(key);
            Hold(value);
        }
    }

    public static DictValue Empty { get; } = new([]);

    public int Count => _entries.Count;

    public IReadOnlyList<KeyValuePair<object?, object?>> Entries => _entries;

    /// <summary>The value of a key, which has to be hashable.</summary>
    public bool TryGet(object? key, out object? value)
    {
        if (_places.TryGetValue(KeyComparer.Wrap(key), out int place))
        {
            value = _entries[place].Value;
            return true;
        }

        value = null;
        return false;
    }

    /// <summary>This dict with another's entries under keys that it has not.</summary>
    public DictValue Over(DictValue other) => new(other._entries.Concat(_entries));
}

/// <summary>What keys(), values() and items() of a dict give.</summary>
internal sealed class DictView(DictValue dict, DictViewKind kind)
{
    public DictValue Dict => dict;

    public DictViewKind Kind => kind;

    public string TypeName => kind switch
    {
        DictViewKind.Keys => "dict_keys",
        DictViewKind.Values => "dict_values",
        _ => "dict_items",
    };

    /// <summary>What it shows of one entry.</summary>
    public object? Show(KeyValuePair<object?, object?> entry) => kind switch
    {
        DictViewKind.Keys => entry.Key,
        DictViewKind.Values => entry.Value,
        _ => new TupleValue([entry.Key, entry.Value]),
    };
}

/// <summary>What a view of a dict shows.</summary>
internal enum DictViewKind
{
    Keys,
    Values,
    Items,
}
