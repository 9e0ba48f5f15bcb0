using Lean.Kernels;

namespace Lean.Engine.Caches;

/// <summary>
/// Who has which KV block, and what blocks and state snapshots are kept for prompts to come. A block is free; or in use,
/// by as many sequences as its count says; or idle: published, used by nobody, and given up to whoever needs one, least
/// recently used first. Only prompt rows are published, since a generated row's bits are others. Pure bookkeeping in
/// numbers, made once; it allocates nothing after.
/// </summary>
/// <remarks>
/// A sequence that uses a block uses all before it, and gives the last back first; so an idle block's children are idle
/// and leave before it, and the tree never holds a block that cannot be reached.
/// </remarks>
internal sealed class BlockManager
{
    private const int NoSnapshot = -1;

    private readonly NumberPool _free;
    private readonly PrefixTree _tree;
    private readonly LinkedOrder _idle;
    private readonly int[] _users;
    private readonly int[] _snapshotOf;
    private readonly NumberPool _freeSnapshots;
    private readonly LinkedOrder _snapshots;
    private readonly int[] _blockOf;

    /// <param name="blocks">Blocks there are.</param>
    /// <param name="snapshots">States that can be kept.</param>
    /// <param name="lookahead">Tokens behind a cell that what is cached of it depends on.</param>
    public BlockManager(int blocks, int snapshots, int lookahead = 0)
    {
        (Blocks, Snapshots, Edge) = (blocks, snapshots, Grid.Cell + lookahead);
        (_free, _tree, _idle) = (new NumberPool(blocks), new PrefixTree(blocks, lookahead), new LinkedOrder(blocks));
        (_users, _snapshotOf) = (new int[blocks], new int[blocks]);
        _snapshotOf.AsSpan().Fill(NoSnapshot);
        (_freeSnapshots, _snapshots, _blockOf) = (new NumberPool(snapshots), new LinkedOrder(snapshots), new int[snapshots]);
    }

    /// <summary>Blocks there are.</summary>
    public int Blocks { get; }

    /// <summary>Snapshots that can be kept.</summary>
    public int Snapshots { get; }

    /// <summary>Tokens, from a cell's first on, that say what its block holds.</summary>
    public int Edge { get; }

    /// <summary>Blocks that can be taken: the free and the idle ones.</summary>
    public int Available => _free.Free + _idle.Count;

    /// <summary>Blocks that are kept for prompts to come, and used by nobody.</summary>
    public int Idle => _idle.Count;

    /// <summary>Snapshots that are kept.</summary>
    public int Kept => _snapshots.Count;

    /// <summary>Snapshots that can be written without giving up another.</summary>
    public int FreeSnapshots => _freeSnapshots.Free;

    /// <summary>Blocks that made room.</summary>
    public long BlockEvictions { get; private set; }

    /// <summary>Snapshots that made room.</summary>
    public long SnapshotEvictions { get; private set; }

    /// <summary>Whether a block is in use by nobody.</summary>
    public bool IsIdle(int block) => _idle.Contains(block);

    /// <summary>Looks up a prompt; changes nothing.</summary>
    /// <param name="tokens">The prompt, which goes on at least one token behind the last cell that there is room for.</param>
    /// <param name="blocks">Receives the blocks of the cells that are known, as many as there is room for.</param>
    public PrefixMatch Match(ReadOnlySpan<int> tokens, Span<int> blocks)
    {
        int known = 0, usable = 0, snapshot = NoSnapshot, parent = PrefixTree.Root;
        for (; known < blocks.Length; known++)
        {
            parent = _tree.Find(parent, tokens.Slice(known * Grid.Cell, Edge));
            if (parent == PrefixTree.None)
            {
                break;
            }

            blocks[known] = parent;
            (usable, snapshot) = _snapshotOf[parent] == NoSnapshot ? (usable, snapshot) : (known + 1, _snapshotOf[parent]);
        }

        return new PrefixMatch(usable, known, snapshot);
    }

    /// <summary>Takes a block for one user; the caller has checked that one is available.</summary>
    public int Take()
    {
        if (_free.Free == 0)
        {
            Evict(_idle.First);
        }

        int block = _free.Take();
        _users[block] = 1;
        return block;
    }

    /// <summary>Counts a further user of a published block.</summary>
    public void Use(int block)
    {
        if (_users[block]++ == 0)
        {
            _idle.Remove(block);
        }
    }

    /// <summary>Ends a use. Who has several blocks of a prompt gives the last of them back first.</summary>
    public void Release(int block)
    {
        if (_users[block] <= 0)
        {
            throw new InvalidOperationException($"block {block} is given back by somebody who does not have it");
        }

        if (--_users[block] > 0)
        {
            return;
        }

        if (_tree.Contains(block))
        {
            _idle.Add(block);
        }
        else
        {
            _free.Return(block);
        }
    }

    /// <summary>Publishes a block whose 64 prompt rows are computed.</summary>
    /// <param name="block">The block, in use by its only user.</param>
    /// <param name="parent">The published block of the cell before, or <see cref="PrefixTree.Root"/>.</param>
    /// <param name="cell">The cell's tokens and what it depends on behind them: <see cref="Edge"/> of them.</param>
    /// <returns>
    /// The block to go on with: where another has published the same, that one, of which the caller is now a user instead.
    /// </returns>
    public int Publish(int block, int parent, ReadOnlySpan<int> cell)
    {
        int known = _tree.Find(parent, cell);
        if (known == PrefixTree.None)
        {
            _tree.Add(block, parent, cell);
            return block;
        }

        Use(known);
        Release(block);
        return known;
    }

    /// <summary>A snapshot to write to, at the cost of the one least recently used, or −1 where all are being written.</summary>
    public int TakeSnapshot()
    {
        if (_freeSnapshots.Free == 0)
        {
            if (_snapshots.Count == 0)
            {
                return NoSnapshot;
            }

            Forget(_blockOf[_snapshots.First]);
            SnapshotEvictions++;
        }

        return _freeSnapshots.Take();
    }

    /// <summary>Keeps a snapshot that has been written: the state behind a published block. A block has one at most.</summary>
    public void Keep(int snapshot, int block)
    {
        if (_snapshotOf[block] != NoSnapshot)
        {
            Discard(snapshot);
            return;
        }

        (_snapshotOf[block], _blockOf[snapshot]) = (snapshot, block);
        _snapshots.Add(snapshot);
    }

    /// <summary>Gives back a snapshot that came to nothing.</summary>
    public void Discard(int snapshot) => _freeSnapshots.Return(snapshot);

    /// <summary>Takes note that a snapshot is of use.</summary>
    public void Touch(int snapshot)
    {
        _snapshots.Remove(snapshot);
        _snapshots.Add(snapshot);
    }

    private void Evict(int block)
    {
        _idle.Remove(block);
        _tree.Remove(block);
        Forget(block);
        _free.Return(block);
        BlockEvictions++;
    }

    private void Forget(int block)
    {
        int snapshot = _snapshotOf[block];
        if (snapshot != NoSnapshot)
        {
            _snapshots.Remove(snapshot);
            _freeSnapshots.Return(snapshot);
            _snapshotOf[block] = NoSnapshot;
        }
    }
}
