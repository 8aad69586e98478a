"""What convolution is made of: strips of images, the direct way and Winograd's."""
