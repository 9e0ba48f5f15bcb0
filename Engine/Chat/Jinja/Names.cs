namespace Lean.Engine.Chat.Jinja;

/// <summary>The variables that a template names, numbered.</summary>
internal sealed class Names
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];

    public int Count => _names.Count;

    /// <summary>A variable's name.</summary>
    public string this[int number] => _names[number];

    /// <summary>A variable's number; a new name gets the next one.</summary>
    public int Add(string name)
    {
        if (_numbers.TryAdd(name, _names.Count))
        {
            _names.Add(name);
        }

        return _numbers[name];
    }

    /// <summary>Whether the template names a variable.</summary>
    public bool Holds(string name) => _numbers.ContainsKey(name);
}
