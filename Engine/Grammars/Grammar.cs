using System.Runtime.InteropServices;
using Lean.Engine.Grammars.Automata;
using Lean.Engine.Grammars.Tokens;

namespace Lean.Engine.Grammars;

/// <summary>
/// What a text has to look like, ready to be followed token by token. Requests share it: the tokens that may follow are
/// found once for each place of the grammar and then kept, within a limit. Safe from several threads.
/// </summary>
internal sealed class Grammar
{
    /// <summary>What its tables and masks may take before they are begun anew.</summary>
    private const long MostBytes = 32L << 20;

    private readonly Lock _lock = new();
    private readonly Automaton _automaton;
    private readonly Dictionary<Item[], uint[]> _masks = new(new ItemsComparer());
    private readonly Dictionary<int, uint[]> _contents = [];
    private readonly List<Item> _key = [];

    /// <param name="network">The grammar.</param>
    /// <param name="vocabulary">The model's tokens.</param>
    public Grammar(Network network, GrammarVocabulary vocabulary)
    {
        Vocabulary = vocabulary;
        _automaton = new Automaton(network);
    }

    /// <summary>The model's tokens.</summary>
    public GrammarVocabulary Vocabulary { get; }

    /// <summary>What its tables take, about.</summary>
    public long Bytes => _automaton.Bytes;

    /// <summary>How many different masks it has found.</summary>
    public int Masks => _contents.Count;

    /// <summary>Before the first token.</summary>
    internal Configuration Start
    {
        get
        {
            lock (_lock)
            {
                return _automaton.Start;
            }
        }
    }

    /// <summary>Where a token leads; <see cref="Configuration.Dead"/> where it may not follow.</summary>
    internal Configuration Next(Configuration from, int token)
    {
        ReadOnlySpan<byte> bytes = Vocabulary.BytesOf(token);
        lock (_lock)
        {
            from = Current(from);
            foreach (byte b in bytes)
            {
                from = _automaton.Next(from, b);
            }

            return bytes.IsEmpty ? Configuration.Dead : from;
        }
    }

    /// <summary>The tokens that may follow, a bit each.</summary>
    internal ReadOnlySpan<uint> Mask(Configuration from)
    {
        if (from.Mask is { } known)
        {
            return known;
        }

        lock (_lock)
        {
            Configuration current = Current(from);
            return from.Mask = current.Mask ??= Find(current);
        }
    }

    private Configuration Current(Configuration from)
    {
        if (_automaton.Bytes > MostBytes)
        {
            _automaton.Clear();
            _masks.Clear();
            _contents.Clear();
        }

        return _automaton.Renew(from);
    }

    private uint[] Find(Configuration from)
    {
        // Places that differ only in counters too far from their limits for one token to tell have one mask.
        _key.Clear();
        foreach (Item item in from.Items)
        {
            Network.Rule rule = _automaton.Network.Rules[_automaton.Network.RuleOf[item.State]];
            int far = Vocabulary.Longest + 1;
            int needed = int.Clamp(rule.Least - item.Counter, 0, far), left = int.Min((rule.Most ?? int.MaxValue) - item.Counter, far);
            _key.Add(item with { Counter = (needed * (far + 1)) + left });
        }

        Dictionary<Item[], uint[]>.AlternateLookup<ReadOnlySpan<Item>> masks = _masks.GetAlternateLookup<ReadOnlySpan<Item>>();
        if (!masks.TryGetValue(CollectionsMarshal.AsSpan(_key), out uint[]? mask))
        {
            mask = new uint[Vocabulary.Words];
            Vocabulary.Fill(_automaton, from, mask);
            mask = Shared(mask);
            masks[CollectionsMarshal.AsSpan(_key)] = mask;
            _automaton.Bytes += 96 + (16 * _key.Count);
        }

        return mask;
    }

    // Many places allow the same tokens, such as the strings of an object: one copy serves them all.
    private uint[] Shared(uint[] mask)
    {
        var sum = default(HashCode);
        sum.AddBytes(MemoryMarshal.AsBytes(mask.AsSpan()));
        int hash = sum.ToHashCode();
        if (_contents.TryGetValue(hash, out uint[]? known) && known.AsSpan().SequenceEqual(mask))
        {
            return known;
        }

        _contents[hash] = mask;
        _automaton.Bytes += 64 + (4L * mask.Length);
        return mask;
    }
}
