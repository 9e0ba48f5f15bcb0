using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The instances of generated rows' kernels, by how many bf16 terms stand for an activation; <see cref="RowUnits"/> says which tile and how many slices.</summary>
internal abstract class RowLaunches(KernelStream stream)
{
    /// <summary>The device.</summary>
    protected KernelStream Stream => stream;

    /// <summary>Linear of more than eight rows.</summary>
    public abstract void Linear(int tileRows, int slices, in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output, int rowTiles, int groups);

    /// <summary>Linear in tiles of up to eight rows, each with groups of its own.</summary>
    public abstract void Few(int slices, in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output, int tileRows, int rowTiles, int groups);

    /// <summary>The same without anything to add, where a group has room for all its weights; of two or eight slices.</summary>
    public abstract void Whole(int slices, in Tensor x, in Tensor weight, in Tensor output, int groups);

    /// <summary>The same of one row or two, on Hopper; a group has twice the warps.</summary>
    public abstract void Two(int slices, in Tensor x, in Tensor weight, in Tensor output, int groups);

    /// <summary>The rows' terms, for <see cref="Many"/>.</summary>
    public abstract void Terms(in Tensor x, in Tensor terms, int blocks, int groups);

    /// <summary>Linear of many rows, from their terms.</summary>
    public abstract void Many(int tileRows, in Tensor terms, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output, int rowTiles, int blocks, int slices, int groups);

    /// <summary>The rows' terms, for <see cref="Groups"/>.</summary>
    public abstract void Pieces(in Tensor x, in Tensor terms, int blocks, int eights, int groups);

    /// <summary>Linear of more than eight rows by warp groups, from their terms.</summary>
    public abstract void Groups(int tileRows, in Tensor weight, in Tensor terms, in Tensor output, int rows, int rowTiles, int blocks, int slices, int parts, bool isOnce, int groups);

    /// <summary>The first half of an MLP.</summary>
    public abstract void GateUp(int tileRows, int slices, in Tensor x, in Tensor gate, in Tensor up, in Tensor inner, int rowTiles, int groups);

    /// <summary>The same of eight gates or sixteen a group, whose weights it has room for, of eight slices of k.</summary>
    public abstract void GateUpWhole(int gates, int tileRows, in Tensor x, in Tensor gate, in Tensor up, in Tensor inner, int rowTiles, int groups);

    /// <summary>The same of more than eight rows by warp groups, from their terms to those of its results.</summary>
    public abstract void GateUpGroups(int tileRows, in Tensor gate, in Tensor up, in Tensor terms, in Tensor inner, int own, int rowTiles, int blocks, int slices, int groups);

    /// <summary>The first half of experts.</summary>
    public abstract void ExpertGateUp(int slices, in Tensor x, in Tensor inner, in Tensor rows, in Tensor tiles, in Tensor gate, in Tensor up, int count, int later, int groups);

    /// <summary>The second half of experts.</summary>
    public abstract void ExpertDown(int slices, in Tensor inner, in Tensor parts, in Tensor tiles, in Tensor down, int count, int later, int groups);

    /// <summary>The first half of a mixture.</summary>
    public abstract void MixtureGateUp(int slices, in Tensor x, in Tensor experts, in Tensor inner, in Tensor gate, in Tensor up, in Tensor sharedGate, in Tensor sharedUp, int width, int groups);

    /// <summary>The second half of a mixture.</summary>
    public abstract void MixtureDown(int slices, in Tensor inner, in Tensor experts, in Tensor mix, in Tensor gateLogit, in Tensor output, in Tensor down, in Tensor sharedDown, int width, int groups);
}
