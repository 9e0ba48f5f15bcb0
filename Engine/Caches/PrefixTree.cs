using System.Numerics;
using System.Runtime.InteropServices;
using Lean.Kernels;

namespace Lean.Engine.Caches;

/// <summary>
/// Which blocks hold the keys and values of which prompts: a tree whose nodes are blocks and whose edges are the 64
/// tokens of a cell and, where an MTP head drafts, the one behind them: what its layer keeps of a position depends on the
/// next token, too. A path from the root spells a prefix, so a block found under its parent holds what those tokens,
/// after those before, gave as prompt rows; tokens are compared, a hash only says where to look. Made once, it
/// allocates nothing.
/// </summary>
internal sealed class PrefixTree
{
    /// <summary>The parent of first cells.</summary>
    public const int Root = -1;

    /// <summary>No block.</summary>
    public const int None = -2;

    private readonly int[] _parents;
    private readonly int[] _tokens;
    private readonly int _edge;
    private readonly int[] _bucketOf;
    private readonly int[] _nextInBucket;
    private readonly int[] _buckets;

    /// <param name="blocks">Blocks there are.</param>
    /// <param name="lookahead">Tokens behind a cell that its block depends on.</param>
    public PrefixTree(int blocks, int lookahead)
    {
        _edge = Grid.Cell + lookahead;
        _parents = new int[blocks];
        _parents.AsSpan().Fill(None);
        _tokens = new int[(long)blocks * _edge];
        _bucketOf = new int[blocks];
        _nextInBucket = new int[blocks];
        _buckets = new int[BitOperations.RoundUpToPowerOf2((uint)int.Max(blocks, 1))];
        _buckets.AsSpan().Fill(None);
    }

    /// <summary>Whether a block is in the tree.</summary>
    public bool Contains(int block) => _parents[block] != None;

    /// <summary>The block of a cell behind its parent, or <see cref="None"/>.</summary>
    public int Find(int parent, ReadOnlySpan<int> cell)
    {
        for (int block = _buckets[Bucket(parent, cell)]; block != None; block = _nextInBucket[block])
        {
            if (_parents[block] == parent && cell.SequenceEqual(Tokens(block)))
            {
                return block;
            }
        }

        return None;
    }

    /// <summary>Adds a block whose cell is not there yet.</summary>
    public void Add(int block, int parent, ReadOnlySpan<int> cell)
    {
        int bucket = Bucket(parent, cell);
        _parents[block] = parent;
        cell.CopyTo(Tokens(block));
        (_bucketOf[block], _nextInBucket[block], _buckets[bucket]) = (bucket, _buckets[bucket], block);
    }

    /// <summary>Removes a block that no other is behind.</summary>
    public void Remove(int block)
    {
        ref int link = ref _buckets[_bucketOf[block]];
        while (link != block)
        {
            link = ref _nextInBucket[link];
        }

        link = _nextInBucket[block];
        _parents[block] = None;
    }

    private Span<int> Tokens(int block) => _tokens.AsSpan(checked(block * _edge), _edge);

    // HashCode's seed differs from process to process, so nobody can prepare prompts that meet in a bucket.
    private int Bucket(int parent, ReadOnlySpan<int> cell)
    {
        var hash = new HashCode();
        hash.Add(parent);
        hash.AddBytes(MemoryMarshal.AsBytes(cell));
        return hash.ToHashCode() & (_buckets.Length - 1);
    }
}
