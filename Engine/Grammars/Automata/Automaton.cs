using System.Runtime.InteropServices;

namespace Lean.Engine.Grammars.Automata;

/// <summary>
/// Follows a <see cref="Network"/> byte by byte and remembers what it has found: configurations are made once, and each
/// knows where its bytes lead. When the tables have grown to their limit they are begun anew. Not safe from several threads.
/// </summary>
internal sealed class Automaton
{
    /// <summary>
    /// So many ways to read a text are followed at once. Further ones are dropped in a fixed order; each way alone leads to
    /// the end of a value, so what is chosen stays valid.
    /// </summary>
    private const int MostItems = 512;

    // What an entry of the tables takes, about: objects, references and the dictionary's slot.
    private const int ConfigurationBytes = 136;
    private const int FrameBytes = 96;
    private const int ItemBytes = 16;

    private readonly Network _network;
    private readonly Dictionary<Item[], Configuration> _configurations = new(new ItemsComparer());
    private readonly Dictionary<Item[], Configuration> _complete = new(new ItemsComparer());
    private readonly Dictionary<Item[], Frame> _frames = new(new ItemsComparer());
    private readonly List<Item> _work = [];
    private readonly List<Item> _items = [];
    private readonly HashSet<(int, int, Frame?)> _seen = [];
    private readonly List<Item>?[] _callers;
    private readonly PriorityQueue<int, int> _called = new();
    private int _generation;
    private bool _isComplete;

    public Automaton(Network network)
    {
        _network = network;
        _callers = new List<Item>[network.Rules.Length];
        Start = Begin();
    }

    /// <summary>What is followed.</summary>
    public Network Network => _network;

    /// <summary>Before the first byte.</summary>
    public Configuration Start { get; private set; }

    /// <summary>What the tables take, about.</summary>
    public long Bytes { get; set; }

    /// <summary>Where a byte leads.</summary>
    public Configuration Next(Configuration from, byte value)
    {
        if (from.Next is null)
        {
            if (from.IsFinal)
            {
                return Configuration.Dead;
            }

            from.Next = new Configuration?[_network.ClassCount];
            Bytes += 24 + (8 * _network.ClassCount);
        }

        return from.Next[_network.Classes[value]] ??= Find(from, value);
    }

    /// <summary>Empties the tables. Configurations made before stay valid, and are brought over with <see cref="Renew"/>.</summary>
    public void Clear()
    {
        _configurations.Clear();
        _complete.Clear();
        _frames.Clear();
        _generation++;
        Bytes = 0;
        Start = Begin();
    }

    /// <summary>The configuration among those of the present tables.</summary>
    public Configuration Renew(Configuration old) => old.Generation == _generation ? old : BringOver(old);

    /// <summary>The configuration without the ways that stand in a string's characters.</summary>
    public Configuration WithoutText(Configuration from)
    {
        _isComplete = false;
        return MakeConfiguration([.. from.Items.Where(i => !_network.IsText[i.State])]);
    }

    // Apart from its caller, which is on every token's way: captured variables are made where a method begins.
    private Configuration BringOver(Configuration old)
    {
        var frames = new Dictionary<Frame, Frame>(ReferenceEqualityComparer.Instance);
        foreach (Frame frame in Below(old.Items))
        {
            frames[frame] = MakeFrame([.. frame.Callers.Select(Renewed)]);
        }

        _isComplete = old.IsComplete;
        return MakeConfiguration([.. old.Items.Select(Renewed)]);

        Item Renewed(Item item) => item.Parent is null ? item : item with { Parent = frames[item.Parent] };
    }

    private Configuration Begin()
    {
        _isComplete = false;
        _work.Clear();
        _work.Add(new Item(_network.Rules[_network.Root].Start, 0, null));
        return Close();
    }

    private Configuration Find(Configuration from, byte value)
    {
        _work.Clear();
        for (int i = from.Items.Length - 1; i >= 0; i--)
        {
            Item item = from.Items[i];
            foreach (ref readonly Network.ByteEdge edge in _network.Bytes[item.State].AsSpan())
            {
                if (value >= edge.First && value <= edge.Last)
                {
                    _work.Add(item with { State = edge.Target });
                }
            }
        }

        _isComplete = false;
        return _work.Count == 0 ? Configuration.Dead : Close();
    }

    // Follows all steps that read nothing. Calls wait until everybody who calls a rule here is known, so that they share
    // a frame: rules are numbered so that whoever calls another first comes before it.
    private Configuration Close()
    {
        _items.Clear();
        _seen.Clear();
        while (true)
        {
            while (_work.Count > 0)
            {
                Item item = _work[^1];
                _work.RemoveAt(_work.Count - 1);
                if (_seen.Add((item.State, item.Counter, item.Parent)))
                {
                    Visit(item);
                }
            }

            if (!_called.TryDequeue(out int rule, out _))
            {
                break;
            }

            List<Item> callers = _callers[rule]!;
            Frame frame = MakeFrame(CollectionsMarshal.AsSpan(callers));
            callers.Clear();
            _work.Add(new Item(_network.Rules[rule].Start, 0, frame));
        }

        return MakeConfiguration(CollectionsMarshal.AsSpan(_items));
    }

    private void Visit(Item item)
    {
        if (_network.Ends[item.State])
        {
            Return(item.Parent);
        }

        if (_network.Bytes[item.State].Length > 0 && _items.Count < MostItems)
        {
            _items.Add(item);
        }

        // Last in, first out: what is declared first is looked at first.
        Network.Step[] steps = _network.Steps[item.State];
        for (int i = steps.Length - 1; i >= 0; i--)
        {
            Take(steps[i], item);
        }
    }

    private void Return(Frame? parent)
    {
        if (parent is null)
        {
            _isComplete = true;
            return;
        }

        for (int i = parent.Callers.Length - 1; i >= 0; i--)
        {
            _work.Add(parent.Callers[i]);
        }
    }

    private void Take(Network.Step step, Item item)
    {
        Network.Rule rule = _network.Rules[_network.RuleOf[item.State]];
        int counter = item.Counter;
        switch (step.Guard)
        {
            case Guard.More when counter >= rule.Most:
            case Guard.Enough when counter < rule.Least:
            case Guard.Shallow when (item.Parent?.Depth ?? 0) >= Network.DeepestFreeValue:
                return;
            case Guard.Count:
                // Without an upper limit it matters only whether the lower one is reached.
                counter = int.Min(counter + 1, rule.Most ?? rule.Least);
                break;
        }

        if (step.Called < 0)
        {
            _work.Add(new Item(step.Target, counter, item.Parent));
            return;
        }

        List<Item> callers = _callers[step.Called] ??= [];
        if (callers.Count == 0)
        {
            _called.Enqueue(step.Called, step.Called);
        }

        if (callers.Count < MostItems)
        {
            callers.Add(new Item(step.Target, counter, item.Parent));
        }
    }

    private Configuration MakeConfiguration(ReadOnlySpan<Item> items)
    {
        Dictionary<Item[], Configuration>.AlternateLookup<ReadOnlySpan<Item>> known =
            (_isComplete ? _complete : _configurations).GetAlternateLookup<ReadOnlySpan<Item>>();
        if (!known.TryGetValue(items, out Configuration? configuration))
        {
            Bytes += ConfigurationBytes + (ItemBytes * items.Length);
            known[items] = configuration = new Configuration(items.ToArray(), _isComplete, _generation);
        }

        return configuration;
    }

    private Frame MakeFrame(ReadOnlySpan<Item> callers)
    {
        Dictionary<Item[], Frame>.AlternateLookup<ReadOnlySpan<Item>> known = _frames.GetAlternateLookup<ReadOnlySpan<Item>>();
        if (!known.TryGetValue(callers, out Frame? frame))
        {
            Bytes += FrameBytes + (ItemBytes * callers.Length);
            known[callers] = frame = new Frame(callers.ToArray());
        }

        return frame;
    }

    // All frames that items stand on, those below first. Texts nest as deep as they are long, so nothing here recurses.
    private static IEnumerable<Frame> Below(Item[] items)
    {
        var frames = new HashSet<Frame>(ReferenceEqualityComparer.Instance);
        var work = new Stack<Item[]>([items]);
        while (work.TryPop(out Item[]? list))
        {
            foreach (Item item in list)
            {
                if (item.Parent is { } parent && frames.Add(parent))
                {
                    work.Push(parent.Callers);
                }
            }
        }

        return frames.OrderBy(static f => f.Depth);
    }
}
